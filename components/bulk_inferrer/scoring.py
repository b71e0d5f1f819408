"""Scores files of tf.Examples with a published model's signature, in large batches without Python protos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.bulk_inferrer.groups import GroupCounter
from components.bulk_inferrer.schema import SCHEMA
from components.example_gen.example_files import records
from components.trainer.loaded import load_model
from newsletter_bandit.exported_model import SERVING_DEFAULT
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.threads import in_order

ELIGIBLE = "eligible_recommenders"
# Above a few thousand rows, a larger batch is not faster.
BATCH = 4096


class Scored(NamedTuple):
    """A batch of predictions.

    Attributes:
      predictions: rows of `SCHEMA`.
      listing_retired: number of its users whose list of eligible recommenders names a retired one.
      groups: users by feature, value and first recommender; see `GroupCounter`.
    """

    predictions: pa.RecordBatch
    listing_retired: int
    groups: Counter[tuple[str, str, str]]


class Model:
    """A SavedModel, brought up to date.

    Args:
      folder: its folder.
      use_case: today's settings.
      run_date: day that the rankings are made for, ISO 8601.

    Raises:
      DataError: the settings retire or rename a recommender, and the model is too old to know how.
    """

    def __init__(self, folder: str, use_case: UseCase, run_date: str) -> None:
        # The signature lives as long as the model it belongs to.
        self._model = load_model(folder, use_case, run_date)
        self._signature = self._model.signatures[SERVING_DEFAULT]
        old = [old for old, new in use_case.renamed.items() if new in use_case.retired]
        self._retired = (*use_case.retired, *old)
        self._groups = GroupCounter(use_case)

    def score(self, path: str) -> Iterator[Scored]:
        """Predictions for the tf.Examples of a TFRecord file, in its order."""
        batches = records(path).batch(BATCH).prefetch(2)
        # The graph alone leaves part of a second core idle.
        yield from in_order(self._score, batches)

    def _score(self, examples: tf.Tensor) -> Scored:
        predictions = record_batch(self._signature(examples=examples))
        groups = self._groups.count(examples, predictions)
        return Scored(predictions, self._listing_retired(examples), groups)

    def _listing_retired(self, examples: tf.Tensor) -> int:
        if not self._retired:
            return 0
        lists = tf.io.parse_example(examples, {ELIGIBLE: tf.io.RaggedFeature(tf.string)})[ELIGIBLE]
        names = tf.equal(lists.values[:, None], tf.constant(self._retired)[None, :])
        retired = lists.with_values(tf.cast(tf.reduce_any(names, axis=1), tf.int32))
        return int(tf.reduce_sum(tf.cast(tf.reduce_sum(retired, axis=1) > 0, tf.int32)))


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
