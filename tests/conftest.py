"""Shared by several rooms: TensorFlow's switches, and one Transform output, made on first use."""

from __future__ import annotations

import os

import hypothesis
import pytest

from tests import transformed
from tests.tiny import Prepared

# Before anything imports TensorFlow: TF-Agents needs the Keras that it was written for.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# On a busy machine an example may take long, which says nothing about the code.
hypothesis.settings.register_profile(
    "slow machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("slow machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest tests first, so that no worker ends alone: whole pipelines, then trainings."""
    items.sort(
        key=lambda item: (
            item.get_closest_marker("pipeline") is None,
            "prepared" not in getattr(item, "fixturenames", ()),
        )
    )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Transform's output over 3,000 rows."""
    folder = tmp_path_factory.getbasetemp()
    # A worker of pytest-xdist has a folder of its own below the session's.
    return transformed.prepared(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
