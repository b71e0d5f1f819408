"""Holds `make check` to what is light: a test that imports TensorFlow, or what brings it, fails and shows
where.

A plugin of pytest: `python -m pytest -p tests.light tests/registry`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

import hypothesis
import pytest

HEAVY = frozenset(
    {
        "apache_beam",
        "kfp",
        "tensorflow",
        "tensorflow_data_validation",
        "tensorflow_model_analysis",
        "tensorflow_transform",
        "tf_agents",
        "tfx",
        "tfx_bsl",
    }
)


class _Refusal(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in HEAVY:
            # No ImportError, which the importing code might take for a library that is not installed.
            pytest.fail(
                f"imports {fullname}: `make check` runs rooms that need neither TensorFlow, TFX nor Beam; "
                "move the test to the room of what needs it, or import it where it is used"
            )


sys.meta_path.insert(0, _Refusal())


def pytest_configure() -> None:
    """Tries fewer examples than `make test`, after tests/conftest.py has chosen its profile."""
    hypothesis.settings.register_profile("few", hypothesis.settings.default, max_examples=20)
    hypothesis.settings.load_profile("few")
