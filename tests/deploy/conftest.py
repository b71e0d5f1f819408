"""The image's content, built once for all tests that run in it."""

from __future__ import annotations

import pytest

from tests.deploy.image_environment import Image, build


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """See `image_environment`."""
    return build(tmp_path_factory.mktemp("image"))
