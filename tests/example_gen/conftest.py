"""The use case of this room's tests."""

from __future__ import annotations

import pytest
from raw_rows import make_typed_use_case

from newsletter_bandit.settings.use_case import UseCase


@pytest.fixture
def use_case() -> UseCase:
    """See `make_typed_use_case`."""
    return make_typed_use_case()
