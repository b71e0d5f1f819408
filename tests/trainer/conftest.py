"""The prepared rows in memory, transformed once for all modules of this room."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tiny import Prepared


@pytest.fixture(scope="session")
def transform_output(prepared: Prepared) -> Any:
    """Transform's output, as TensorFlow Transform reads it."""
    import tensorflow_transform as tft

    return tft.TFTransformOutput(prepared.transform_output)


@pytest.fixture(scope="session")
def arrays(prepared: Prepared, transform_output: Any) -> dict[str, Any]:
    """Transformed rows, an array per feature; not to be changed."""
    from components.transform.in_memory import Transformer

    return dict(Transformer(transform_output)(np.array(prepared.serialized, dtype=object)))
