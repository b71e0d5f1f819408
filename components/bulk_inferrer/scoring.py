"""Scores files of tf.Examples with a published model's signature, in large batches without Python protos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.bulk_inferrer.schema import SCHEMA
from components.example_gen.example_files import records
from newsletter_bandit.exported_model import SERVING_DEFAULT
from newsletter_bandit.threads import in_order

# Above a few thousand rows, a larger batch is not faster.
BATCH = 4096


class Model:
    """The SavedModel in ``folder``."""

    def __init__(self, folder: str) -> None:
        # The signature lives as long as the model it belongs to.
        self._model = tf.saved_model.load(folder)
        self._signature = self._model.signatures[SERVING_DEFAULT]

    def score(self, path: str) -> Iterator[pa.RecordBatch]:
        """Predictions for the tf.Examples of a TFRecord file, in its order."""
        batches = records(path).batch(BATCH).prefetch(2)
        # The graph alone leaves part of a second core idle.
        yield from in_order(self._score, batches)

    def _score(self, examples: tf.Tensor) -> pa.RecordBatch:
        return record_batch(self._signature(examples=examples))


def record_batch(outputs: Mapping[str, tf.Tensor]) -> pa.RecordBatch:
    """The signature's outputs, [B, 1] or [B, K], as rows of `SCHEMA`; others are left out."""
    return pa.record_batch(
        [_column(outputs[field.name].numpy(), field.type) for field in SCHEMA], schema=SCHEMA
    )


def _column(values: np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_list(kind):
        return pa.array(values[:, 0], type=kind)
    rows, width = values.shape
    offsets = pa.array(np.arange(0, (rows + 1) * width, width, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1), type=kind.value_type))
