"""The use case of this room's tests."""

from __future__ import annotations

import pytest

from newsletter_bandit.settings.use_case import UseCase
from tests.raw_rows import make_typed_use_case


@pytest.fixture
def use_case() -> UseCase:
    """See `make_typed_use_case`."""
    return make_typed_use_case()
