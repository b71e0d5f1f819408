"""The shop, made once for the room."""

from __future__ import annotations

import pytest

from pipelines.workspace import Workspace
from tests.arms import shop


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """See `tests/arms/shop.py`; not to be changed."""
    return shop.make(tmp_path_factory.mktemp("shop"))
