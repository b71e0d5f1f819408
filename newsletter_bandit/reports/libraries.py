"""Versions of what a model was trained with."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata

_NAMED = (
    "newsletter-bandit",
    "tfx",
    "tensorflow",
    "tf-agents",
    "tensorflow-transform",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "apache-beam",
    "numpy",
)


def libraries() -> Mapping[str, str]:
    """Version by name: of Python, and of each installed library that a model rests on. It imports none."""
    found = {"Python": platform.python_version()}
    for name in _NAMED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # a part of an installation, such as the console's, need not have it
    return found
