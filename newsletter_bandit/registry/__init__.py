"""The registry: published models with their evidence, and a pointer to the one in production."""

from newsletter_bandit.registry.looks import AGAIN, Look, Looks, settings_digest, window_of
from newsletter_bandit.registry.registry import Registry
from newsletter_bandit.registry.signing_off import Obstacle, Signed, account, approve, obstacles, reject
from newsletter_bandit.registry.versions import VersionInfo, model_digest, new_version

__all__ = [
    "AGAIN",
    "Look",
    "Looks",
    "Obstacle",
    "Registry",
    "Signed",
    "VersionInfo",
    "account",
    "approve",
    "model_digest",
    "new_version",
    "obstacles",
    "reject",
    "settings_digest",
    "window_of",
]
