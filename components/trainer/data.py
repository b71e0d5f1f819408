"""Transformed examples as batches of tensors, streamed from disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from components.transform.layout import ACTION, CATEGORICAL, ELIGIBLE, NUMERIC, PROPENSITY, REWARD, Layout
from pipelines.agent_settings import PropensityWeighting
from pipelines.errors import DataError

# Serialized examples held at once to be shuffled; smaller training sets are kept in memory between epochs.
SHUFFLE_BUFFER = 100_000
CACHED_ROWS = 1_000_000
WEIGHT = "weight"


@dataclass(frozen=True)
class Totals:
    """One pass over the training rows."""

    rows: int
    unknown_recommender: int
    weight_sum: float


@dataclass(frozen=True)
class TrainingData:
    """The training split after Transform.

    Attributes:
      files: gzipped TFRecord files of transformed examples.
      layout: what they hold.
      vocabulary_sizes: size of each categorical feature's vocabulary, its bucket for unseen values included.
      weighting: how rows are weighted by their propensity.
    """

    files: Sequence[str]
    layout: Layout
    vocabulary_sizes: tuple[int, ...]
    weighting: PropensityWeighting

    @property
    def feature_spec(self) -> dict[str, tf.io.FixedLenFeature]:
        """Parsing spec of one transformed example."""
        layout = self.layout
        spec = {
            NUMERIC: tf.io.FixedLenFeature([layout.numeric_width], tf.float32),
            CATEGORICAL: tf.io.FixedLenFeature([len(layout.categorical_features)], tf.int64),
            ELIGIBLE: tf.io.FixedLenFeature([len(layout.recommenders)], tf.int64),
            ACTION: tf.io.FixedLenFeature([], tf.int64),
            PROPENSITY: tf.io.FixedLenFeature([], tf.float32),
            REWARD: tf.io.FixedLenFeature([], tf.float32),
        }
        if not layout.numeric_features:
            del spec[NUMERIC]
        if not layout.categorical_features:
            del spec[CATEGORICAL]
        return spec

    @cached_property
    def totals(self) -> Totals:
        """Counts of the split.

        Raises:
          DataError: no row shows a recommender of the use case.
        """
        rows = unknown = 0
        weight_sum = 0.0
        for batch in self._parsed(self._records().batch(8192)):
            known = batch[ACTION].numpy() >= 0
            rows += len(known)
            unknown += int(np.count_nonzero(~known))
            weight_sum += float(tf.reduce_sum(batch[WEIGHT]))
        if rows == unknown:
            raise DataError(
                f"training split: {rows} rows, none of which shows one of the use case's recommenders "
                f"{list(self.layout.recommenders)}"
            )
        return Totals(rows, unknown, weight_sum)

    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """Batches of the `Layout` tensors and `weight` float32 [batch].

        The weight is min(1 / (K propensity), clip), or 1 where weighting is off, and 0 where the recommender
        is unknown. Shuffled where a seed is given; the last, smaller batch is dropped then, unless it is the
        only one.
        """
        records = self._records()
        if seed is None:
            return self._parsed(records.repeat(epochs).batch(batch_size))
        if self.totals.rows <= CACHED_ROWS:
            records = records.cache()
        records = records.shuffle(SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=True).repeat(epochs)
        whole = self.totals.rows * epochs >= batch_size
        return self._parsed(records.batch(batch_size, drop_remainder=whole))

    def _records(self) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(sorted(self.files), compression_type="GZIP")

    def _parsed(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            batch: dict[str, tf.Tensor] = tf.io.parse_example(serialized, self.feature_spec)
            arms = float(len(self.layout.recommenders))
            weight = tf.ones_like(batch[PROPENSITY])
            if self.weighting.enabled:
                weight = tf.minimum(1.0 / (arms * batch[PROPENSITY]), self.weighting.clip)
            batch[WEIGHT] = tf.where(batch[ACTION] >= 0, weight, 0.0)
            return batch

        options = tf.data.Options()
        options.deterministic = True
        return (
            batches.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
            .prefetch(tf.data.AUTOTUNE)
            .with_options(options)
        )
