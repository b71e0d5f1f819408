"""Files of transformed examples, gzipped TFRecords as Transform writes them, as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from components.transform.layout import (
    ACTION,
    CATEGORICAL,
    ELIGIBLE,
    NUMERIC,
    OUTCOMES,
    PROPENSITY,
    REWARD,
    USER,
    Layout,
)

# Files read at once, and examples taken from one before the next: they fix the order of the rows, so that
# neither depends on the machine.
FILES_AT_ONCE = 8
BLOCK = 4096
_BUFFER_BYTES = 1 << 20
_USER = tf.io.FixedLenFeature([], tf.int64)


def feature_spec(layout: Layout) -> dict[str, tf.io.FixedLenFeature]:
    """Parsing spec of one transformed example."""
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
    if layout.users:
        spec[USER] = _USER
    if layout.terms:
        spec[OUTCOMES] = tf.io.FixedLenFeature([len(layout.terms)], tf.float32)
    return spec


def serialized_blocks(files: Sequence[str], part: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
    """Serialized examples, string [up to BLOCK], always in the same order.

    Args:
      files: any number; several are unpacked at once.
      part: (index, count): only every ``count``-th example, from example ``index`` on.
    """

    def read(file: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(file, compression_type="GZIP", buffer_size=_BUFFER_BYTES)
        return records.batch(BLOCK)

    index, count = part

    def take(before: tf.Tensor, block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first = tf.math.floormod(index - before, count)
        return before + tf.size(block, tf.int64), block[first::count]

    blocks = tf.data.Dataset.from_tensor_slices(tf.constant(sorted(files), tf.string)).interleave(
        read, cycle_length=FILES_AT_ONCE, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    return blocks if count == 1 else blocks.scan(tf.constant(0, tf.int64), take)


def of_users(serialized: tf.data.Dataset, low: int, high: int) -> tf.data.Dataset:
    """The serialized examples of users whose hash is ``low`` or more and less than ``high``."""

    def kept(batch: tf.Tensor) -> tf.Tensor:
        user = tf.io.parse_example(batch, {USER: _USER})[USER]
        return tf.boolean_mask(batch, (user >= low) & (user < high))

    return serialized.map(kept, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def parsed(serialized: tf.data.Dataset, layout: Layout) -> tf.data.Dataset:
    """Batches of the `Layout` tensors from batches of serialized examples, in their order."""
    spec = feature_spec(layout)
    return serialized.map(
        lambda batch: tf.io.parse_example(batch, spec),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    ).prefetch(tf.data.AUTOTUNE)
