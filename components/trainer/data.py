"""The training split as batches of tensors: streamed from disk, or from arrays in memory."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.trainer.distribution import Workers
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


class TrainingData(abc.ABC):
    """The training split after Transform, wherever it lies.

    Attributes:
      layout: what a row holds.
      vocabulary_sizes: size of each categorical feature's vocabulary, its bucket for unseen values included.
      weighting: how rows are weighted by their propensity.
    """

    layout: Layout
    vocabulary_sizes: tuple[int, ...]
    weighting: PropensityWeighting

    @property
    @abc.abstractmethod
    def counted(self) -> Totals:
        """Counts of the split, whatever it holds; one pass."""

    @property
    def totals(self) -> Totals:
        """Counts of the split.

        Raises:
          DataError: no row shows a recommender of the use case.
        """
        totals = self.counted
        if totals.rows == totals.unknown_recommender:
            raise DataError(
                f"training split: {totals.rows} rows, none of which shows one of the use case's recommenders "
                f"{list(self.layout.recommenders)}"
            )
        return totals

    @abc.abstractmethod
    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """Batches of the `Layout` tensors and `weight` float32 [batch].

        The weight is min(1 / (K propensity), clip), or 1 where weighting is off, and 0 where the recommender
        is unknown. Shuffled where a seed is given; the last, smaller batch is dropped then, unless it is the
        only one.
        """

    @abc.abstractmethod
    def shard(self, index: int, count: int) -> TrainingData:
        """Every ``count``-th row, from row ``index`` on."""


@dataclass(frozen=True)
class FileData(TrainingData):
    """Transformed examples in files, streamed.

    Attributes:
      files: gzipped TFRecord files of transformed examples.
      part: (index, count): only every ``count``-th row, from row ``index`` on.
    """

    files: Sequence[str]
    layout: Layout
    vocabulary_sizes: tuple[int, ...]
    weighting: PropensityWeighting
    part: tuple[int, int] = (0, 1)

    def shard(self, index: int, count: int) -> FileData:
        """See `TrainingData.shard`."""
        return replace(self, part=(index, count))

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
    def counted(self) -> Totals:
        """See `TrainingData.counted`."""
        rows = unknown = 0
        weight_sum = 0.0
        for batch in self._parsed(self._records().batch(8192)):
            known = batch[ACTION].numpy() >= 0
            rows += len(known)
            unknown += int(np.count_nonzero(~known))
            weight_sum += float(tf.reduce_sum(tf.cast(batch[WEIGHT], tf.float64)))
        return Totals(rows, unknown, weight_sum)

    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """See `TrainingData.batches`."""
        records = self._records()
        if seed is None:
            return self._parsed(records.repeat(epochs).batch(batch_size))
        if self.counted.rows <= CACHED_ROWS:
            records = records.cache()
        records = records.shuffle(SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=True).repeat(epochs)
        whole = self.counted.rows * epochs >= batch_size
        return self._parsed(records.batch(batch_size, drop_remainder=whole))

    def _records(self) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(sorted(self.files), compression_type="GZIP")
        index, count = self.part
        return records if count == 1 else records.shard(count, index)

    def _parsed(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            batch: dict[str, tf.Tensor] = tf.io.parse_example(serialized, self.feature_spec)
            weight = weights(batch[PROPENSITY], len(self.layout.recommenders), self.weighting)
            batch[WEIGHT] = tf.where(batch[ACTION] >= 0, weight, 0.0)
            return batch

        options = tf.data.Options()
        options.deterministic = True
        return (
            batches.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
            .prefetch(tf.data.AUTOTUNE)
            .with_options(options)
        )


@dataclass(frozen=True)
class ArrayData(TrainingData):
    """Transformed rows in memory.

    Attributes:
      arrays: the tensors of `Layout` by key, [n, ...] each; other keys are left alone.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    layout: Layout
    vocabulary_sizes: tuple[int, ...]
    weighting: PropensityWeighting

    def shard(self, index: int, count: int) -> ArrayData:
        """See `TrainingData.shard`."""
        return replace(self, arrays={key: values[index::count] for key, values in self.arrays.items()})

    @cached_property
    def counted(self) -> Totals:
        """See `TrainingData.counted`."""
        known = self._columns[ACTION].astype(np.int64) >= 0
        weight_sum = float(self._columns[WEIGHT].sum(dtype=np.float64))
        return Totals(len(known), int(np.count_nonzero(~known)), weight_sum)

    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """See `TrainingData.batches`; each epoch is a permutation of all rows."""
        columns = {name: tf.constant(column) for name, column in self._columns.items()}
        rows = self.counted.rows
        rng = np.random.default_rng(seed)
        epoch = [np.arange(rows) if seed is None else rng.permutation(rows) for _ in range(epochs)]
        order = tf.constant(np.concatenate(epoch).astype(np.int32))
        drop = seed is not None and rows * epochs >= batch_size
        stop = rows * epochs // batch_size * batch_size if drop else rows * epochs

        def batch(start: tf.Tensor) -> dict[str, tf.Tensor]:
            index = order[start : start + batch_size]
            return {name: tf.gather(column, index) for name, column in columns.items()}

        return (
            tf.data.Dataset.range(0, stop, batch_size, output_type=tf.int32)
            .map(batch)
            .prefetch(tf.data.AUTOTUNE)
        )

    @cached_property
    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        types = {ACTION: np.int64, CATEGORICAL: np.int64, ELIGIBLE: np.int64}
        keys = [
            key for key in (NUMERIC, CATEGORICAL, ELIGIBLE, ACTION, PROPENSITY, REWARD) if key in self.arrays
        ]
        columns: dict[str, npt.NDArray[Any]] = {
            key: np.asarray(self.arrays[key], types.get(key, np.float32)) for key in keys
        }
        weight = weights(columns[PROPENSITY], len(self.layout.recommenders), self.weighting).numpy()
        columns[WEIGHT] = np.where(columns[ACTION] >= 0, weight, 0.0).astype(np.float32)
        return columns


class SharedData(TrainingData):
    """A worker's share of the rows, which knows the totals of all.

    Args:
      whole: the rows of all workers.
      workers: who shares them.
    """

    def __init__(self, whole: TrainingData, workers: Workers) -> None:
        self.layout = whole.layout
        self.vocabulary_sizes = whole.vocabulary_sizes
        self.weighting = whole.weighting
        self._own = whole.shard(workers.index, workers.count)
        self._workers = workers

    @cached_property
    def counted(self) -> Totals:
        """See `TrainingData.counted`; of all workers' rows.

        Raises:
          DataError: a worker has no row.
        """
        own = self._own.counted
        rows, unknown, weight = self._workers.sum(
            np.array([own.rows, own.unknown_recommender, own.weight_sum])
        )
        if rows < self._workers.count:
            raise DataError(
                f"training split: {rows:.0f} rows for {self._workers.count} workers; allowed: at least one each"
            )
        return Totals(round(rows), round(unknown), float(weight))

    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """See `TrainingData.batches`; this worker's part of each batch.

        Shuffled, each worker has a part of every batch: its rows start anew where its share is a little short.
        """
        own = -(-batch_size // self._workers.count)
        if seed is None:
            return self._own.batches(own, epochs)
        read = self.totals.rows * epochs // batch_size * own
        epochs = max(epochs, -(-read // self._own.counted.rows))
        return self._own.batches(own, epochs, seed + self._workers.index)

    def shard(self, index: int, count: int) -> TrainingData:
        """See `TrainingData.shard`."""
        return self._own.shard(index, count)


def weights(propensity: Any, recommenders: int, weighting: PropensityWeighting) -> tf.Tensor:
    """min(1 / (K propensity), clip), or 1 where weighting is off; float32 [n]."""
    propensity = tf.convert_to_tensor(propensity, tf.float32)
    if not weighting.enabled:
        return tf.ones_like(propensity)
    return tf.minimum(1.0 / (float(recommenders) * propensity), weighting.clip)
