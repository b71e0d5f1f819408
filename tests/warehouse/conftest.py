"""Warehouses and the Hillstrom file for the tests of this room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsletter_bandit.settings.use_case import UseCase
from tests.raw_rows import make_typed_use_case


@pytest.fixture(scope="session")
def hillstrom_csv() -> Path:
    """The file beside the checkout. Without it the test skips, or fails in CI."""
    path = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "hillstrom.csv"
    if not path.is_file():
        message = f"{path} is not there; docs/hillstrom.md says where it comes from"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture
def use_case() -> UseCase:
    """See `make_typed_use_case`."""
    return make_typed_use_case()
