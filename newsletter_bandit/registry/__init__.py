"""The registry: published models with their evidence, and a pointer to the one in production."""

from newsletter_bandit.registry.registry import Registry
from newsletter_bandit.registry.versions import VersionInfo, model_digest, new_version

__all__ = ["Registry", "VersionInfo", "model_digest", "new_version"]
