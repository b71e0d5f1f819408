"""One small model for all modules of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model_server import published


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel of `published.use_case`."""
    folder = tmp_path_factory.mktemp("published") / "model"
    published.save_model(folder)
    return folder
