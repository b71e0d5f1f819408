"""The training split as batches of tensors: from arrays in memory, or from files of whatever size."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.trainer.distribution import Workers
from components.trainer.example_files import of_users, parsed, serialized_blocks
from components.transform.layout import (
    ACTION,
    CATEGORICAL,
    ELIGIBLE,
    NUMERIC,
    OUTCOMES,
    PROPENSITY,
    REWARD,
    USER,
    USER_BUCKETS,
    Layout,
)
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.agents import PropensityWeighting
from newsletter_bandit.settings.words import NEWSLETTER, Words

# Rows of files are kept in memory if together they take no more than this; otherwise each epoch streams them.
HELD_BYTES = 1 << 30
# Serialized examples held at once to be shuffled, where they are streamed.
SHUFFLE_BUFFER = 100_000
WEIGHT = "weight"
# Types in which rows are held; batches have whole numbers of 64 bits.
_HELD_TYPES: Mapping[str, npt.DTypeLike] = {
    NUMERIC: np.float32,
    CATEGORICAL: np.int32,
    ELIGIBLE: np.int8,
    ACTION: np.int32,
    PROPENSITY: np.float32,
    REWARD: np.float32,
    OUTCOMES: np.float32,
    USER: np.int64,
}
_WHOLE = (CATEGORICAL, ELIGIBLE, ACTION)


@dataclass(frozen=True)
class Totals:
    """One pass over the training rows.

    Attributes:
      rows: all rows.
      unknown_recommender: rows that show none of the use case's recommenders.
      weight_sum: sum of the weights.
      per_recommender: rows that show each recommender, [K].
    """

    rows: int
    unknown_recommender: int
    weight_sum: float
    per_recommender: tuple[int, ...]


class TrainingData(abc.ABC):
    """The training split after Transform, in memory or in files.

    Attributes:
      layout: content of a row.
      vocabulary_sizes: size of each categorical feature's vocabulary, its bucket for unseen values included.
      weighting: how rows are weighted by their propensity.
    """

    layout: Layout
    vocabulary_sizes: tuple[int, ...]
    weighting: PropensityWeighting

    @property
    @abc.abstractmethod
    def counted(self) -> Totals:
        """Counts of the split, even without usable rows; one pass."""

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
        is unknown. With a seed, rows are shuffled, and the last, smaller batch is dropped unless it is the
        only one.
        """

    def blocks(self, rows: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """The content of `batches`, once and in order, as arrays of ``rows`` rows."""
        found: Iterator[dict[str, npt.NDArray[Any]]] = self.batches(rows).as_numpy_iterator()
        return found

    @abc.abstractmethod
    def shard(self, index: int, count: int) -> TrainingData:
        """Every ``count``-th row, from row ``index`` on."""

    @abc.abstractmethod
    def of_users(self, low: int, high: int) -> TrainingData:
        """The rows of users whose hash, in [0, USER_BUCKETS), is ``low`` or more and less than ``high``."""

    @abc.abstractmethod
    def of_term(self, index: int) -> TrainingData:
        """The same rows, with the outcome at ``index`` of the layout's terms in the place of the reward."""


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

    def of_users(self, low: int, high: int) -> ArrayData:
        """See `TrainingData.of_users`."""
        kept = (self.arrays[USER] >= low) & (self.arrays[USER] < high)
        return replace(self, arrays={key: values[kept] for key, values in self.arrays.items()})

    def of_term(self, index: int) -> ArrayData:
        """See `TrainingData.of_term`."""
        return replace(self, arrays={**self.arrays, REWARD: self.arrays[OUTCOMES][:, index]})

    @cached_property
    def counted(self) -> Totals:
        """See `TrainingData.counted`."""
        action = self._columns[ACTION]
        known = action[action >= 0]
        weight_sum = float(self._columns[WEIGHT].sum(dtype=np.float64))
        counts = np.bincount(known, minlength=len(self.layout.recommenders))
        return Totals(len(action), len(action) - len(known), weight_sum, tuple(counts.tolist()))

    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """See `TrainingData.batches`; each epoch is a permutation of all rows."""
        columns = {name: tf.constant(column) for name, column in self._columns.items()}
        rows = self.counted.rows

        def orders() -> Iterator[npt.NDArray[np.int32]]:
            rng = np.random.default_rng(seed)
            for _ in range(epochs):
                order = np.arange(rows) if seed is None else rng.permutation(rows)
                yield order.astype(np.int32)

        def batch(index: tf.Tensor) -> dict[str, tf.Tensor]:
            found = {name: tf.gather(column, index) for name, column in columns.items()}
            return found | {name: tf.cast(found[name], tf.int64) for name in _WHOLE if name in found}

        return (
            tf.data.Dataset.from_generator(orders, output_signature=tf.TensorSpec([None], tf.int32))
            .rebatch(batch_size, drop_remainder=seed is not None and rows * epochs >= batch_size)
            .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .prefetch(tf.data.AUTOTUNE)
        )

    def blocks(self, rows: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """See `TrainingData.blocks`; whole numbers keep the types in which they are held."""
        for start in range(0, self.counted.rows, rows):
            yield {name: column[start : start + rows] for name, column in self._columns.items()}

    @cached_property
    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        columns: dict[str, npt.NDArray[Any]] = {
            key: np.asarray(self.arrays[key], dtype)
            for key, dtype in _HELD_TYPES.items()
            if key in self.arrays
        }
        weight = weights(columns[PROPENSITY], len(self.layout.recommenders), self.weighting).numpy()
        columns[WEIGHT] = np.where(columns[ACTION] >= 0, weight, 0.0).astype(np.float32)
        return columns


@dataclass(frozen=True)
class FileData(TrainingData):
    """Transformed examples in files, read once and kept in memory, or streamed if they are too large.

    Attributes:
      files: gzipped TFRecord files of transformed examples.
      part: (index, count): only every ``count``-th row, from row ``index`` on.
      users: (low, high): of those, only rows of users with such a hash; None for all.
      term: index of the outcome that takes the place of the reward; None for none.
    """

    files: Sequence[str]
    layout: Layout
    vocabulary_sizes: tuple[int, ...]
    weighting: PropensityWeighting
    part: tuple[int, int] = (0, 1)
    users: tuple[int, int] | None = None
    term: int | None = None

    def shard(self, index: int, count: int) -> TrainingData:
        """See `TrainingData.shard`."""
        # Rows that were read already are not read again.
        held = self._read[1] if "_read" in vars(self) else None
        return replace(self, part=(index, count)) if held is None else held.shard(index, count)

    def of_users(self, low: int, high: int) -> TrainingData:
        """See `TrainingData.of_users`."""
        held = self._read[1]
        return replace(self, users=(low, high)) if held is None else held.of_users(low, high)

    def of_term(self, index: int) -> TrainingData:
        """See `TrainingData.of_term`."""
        held = self._read[1]
        return replace(self, term=index) if held is None else held.of_term(index)

    @property
    def counted(self) -> Totals:
        """See `TrainingData.counted`."""
        return self._read[0]

    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """See `TrainingData.batches`."""
        totals, held = self._read
        if held is not None:
            return held.batches(batch_size, epochs, seed)
        records = self._serialized().unbatch()
        if seed is not None:
            records = records.shuffle(SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=True)
        drop = seed is not None and totals.rows * epochs >= batch_size
        return self._weighted(records.repeat(epochs).batch(batch_size, drop_remainder=drop))

    def blocks(self, rows: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """See `TrainingData.blocks`."""
        held = self._read[1]
        return super().blocks(rows) if held is None else held.blocks(rows)

    @cached_property
    def _read(self) -> tuple[Totals, ArrayData | None]:
        """Counts, and the rows themselves if they do not take more than `HELD_BYTES`."""
        parts: dict[str, list[npt.NDArray[Any]]] = {}
        rows = unknown = size = 0
        weight_sum = 0.0
        counts = np.zeros(len(self.layout.recommenders), np.int64)
        for block in self._weighted(self._serialized()).as_numpy_iterator():
            known = block[ACTION] >= 0
            rows += len(known)
            unknown += int(np.count_nonzero(~known))
            counts += np.bincount(block[ACTION][known], minlength=len(counts))
            weight_sum += float(block[WEIGHT].sum(dtype=np.float64))
            if size > HELD_BYTES:
                continue
            for key, dtype in _HELD_TYPES.items():
                if key in block:
                    parts.setdefault(key, []).append(block[key].astype(dtype))
                    size += parts[key][-1].nbytes
            if size > HELD_BYTES:
                parts.clear()
        totals = Totals(rows, unknown, weight_sum, tuple(counts.tolist()))
        if not parts:
            return totals, None
        # Key by key, so that only one key's values exist twice at a time.
        arrays = {key: np.concatenate(parts.pop(key)) for key in list(parts)}
        return totals, ArrayData(arrays, self.layout, self.vocabulary_sizes, self.weighting)

    def _serialized(self) -> tf.data.Dataset:
        blocks = serialized_blocks(self.files, self.part)
        return blocks if self.users is None else of_users(blocks, *self.users)

    def _weighted(self, serialized: tf.data.Dataset) -> tf.data.Dataset:
        def weigh(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            if self.term is not None:
                batch = {**batch, REWARD: batch[OUTCOMES][:, self.term]}
            weight = weights(batch[PROPENSITY], len(self.layout.recommenders), self.weighting)
            return {**batch, WEIGHT: tf.where(batch[ACTION] >= 0, weight, 0.0)}

        return parsed(serialized, self.layout).map(weigh)


class SharedData(TrainingData):
    """A worker's share of the rows, which knows the totals of all rows.

    Args:
      whole: the rows of all workers.
      workers: the workers that share them.
    """

    def __init__(self, whole: TrainingData, workers: Workers) -> None:
        self.layout = whole.layout
        self.vocabulary_sizes = whole.vocabulary_sizes
        self.weighting = whole.weighting
        self._own = whole.shard(workers.index, workers.count)
        self._workers = workers

    @cached_property
    def counted(self) -> Totals:
        """See `TrainingData.counted`; it counts the rows of all workers.

        Raises:
          DataError: a worker has no row.
        """
        own = self._own.counted
        rows, unknown, weight, *counts = self._workers.sum(
            np.array([own.rows, own.unknown_recommender, own.weight_sum, *own.per_recommender])
        )
        if rows < self._workers.count:
            raise DataError(
                f"training split: {rows:.0f} rows for {self._workers.count} workers; allowed: at least one "
                "each"
            )
        return Totals(round(rows), round(unknown), float(weight), tuple(map(round, counts)))

    def batches(self, batch_size: int, epochs: int = 1, seed: int | None = None) -> tf.data.Dataset:
        """See `TrainingData.batches`; this worker's part of each batch.

        When shuffling, every worker contributes to every batch; a worker with slightly fewer rows starts
        over.
        """
        own = -(-batch_size // self._workers.count)
        if seed is None:
            return self._own.batches(own, epochs)
        read = self.totals.rows * epochs // batch_size * own
        epochs = max(epochs, -(-read // self._own.counted.rows))
        return self._own.batches(own, epochs, seed + self._workers.index)

    def blocks(self, rows: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """See `TrainingData.blocks`; this worker's part of each."""
        return self._own.blocks(-(-rows // self._workers.count))

    def shard(self, index: int, count: int) -> TrainingData:
        """See `TrainingData.shard`."""
        return self._own.shard(index, count)

    def of_users(self, low: int, high: int) -> TrainingData:
        """See `TrainingData.of_users`; of this worker's share."""
        return self._own.of_users(low, high)

    def of_term(self, index: int) -> TrainingData:
        """See `TrainingData.of_term`; of this worker's share."""
        return self._own.of_term(index)


def split_users(
    data: TrainingData, share: float, words: Words = NEWSLETTER
) -> tuple[TrainingData, TrainingData]:
    """The rows of all users but a ``share`` in (0, 1), and the rows of those; a refusal uses ``words``.

    Raises:
      DataError: one of the two parts is empty.
    """
    bound = round(share * USER_BUCKETS)
    learnt, kept = data.of_users(bound, USER_BUCKETS), data.of_users(0, bound)
    if not learnt.counted.rows or not kept.counted.rows:
        raise DataError(
            f"training split: constraint_search.held_out_share {share:g} of its {words.subjects} leaves "
            f"{learnt.counted.rows} rows to learn from and {kept.counted.rows} to find multipliers on; "
            "allowed: some of both"
        )
    return learnt, kept


def weights(propensity: Any, recommenders: int, weighting: PropensityWeighting) -> tf.Tensor:
    """min(1 / (K propensity), clip), or 1 where weighting is off; float32 [n]."""
    propensity = tf.convert_to_tensor(propensity, tf.float32)
    if not weighting.enabled:
        return tf.ones_like(propensity)
    return tf.minimum(1.0 / (float(recommenders) * propensity), weighting.clip)
