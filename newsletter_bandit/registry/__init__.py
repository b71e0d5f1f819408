"""The registry: published models with their evidence, and a pointer to the one in production."""

from newsletter_bandit.registry.looks import AGAIN, Look, Looks, settings_digest, window_of
from newsletter_bandit.registry.registry import Registry
from newsletter_bandit.registry.versions import VersionInfo, model_digest, new_version

__all__ = [
    "AGAIN",
    "Look",
    "Looks",
    "Registry",
    "VersionInfo",
    "model_digest",
    "new_version",
    "settings_digest",
    "window_of",
]
