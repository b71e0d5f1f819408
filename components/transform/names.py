"""Recommenders' names in rows: which is logged, which are eligible, and what an old one is called today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf


def action_index(recommender: tf.Tensor, recommenders: Any) -> tf.Tensor:
    """Index of each name in `recommenders`, string [K], int64 [batch]; -1 for any other name."""
    matches = tf.equal(recommender[:, None], tf.convert_to_tensor(recommenders)[None, :])
    found = tf.reduce_any(matches, axis=1)
    return tf.where(found, tf.argmax(tf.cast(matches, tf.int32), axis=1), tf.constant(-1, tf.int64))


def eligibility(names: Any, recommenders: Any, renamed: Any) -> tf.Tensor:
    """Mask of the recommenders that each row may show, bool [batch, K]; all of them without a list.

    Args:
      names: sparse or dense strings [batch, any].
      recommenders: K names, or a string tensor [K] whose length is known.
      renamed: see `todays_names`.
    """
    dense = tf.sparse.to_dense(names, default_value="") if isinstance(names, tf.SparseTensor) else names
    dense = todays_names(tf.reshape(dense, [tf.shape(dense)[0], -1]), renamed)
    # One comparison per recommender keeps the tensors [batch, length] instead of [batch, length, K].
    listed = tf.stack(
        [tf.reduce_any(tf.equal(dense, name), axis=1) for name in tf.unstack(recommenders)], axis=1
    )
    unrestricted = tf.reduce_all(tf.equal(dense, ""), axis=1, keepdims=True)
    return tf.logical_or(listed, unrestricted)


def rename_pairs(renamed: Mapping[str, str]) -> list[list[str]]:
    """Pairs (old name, new name) for `todays_names`; never empty."""
    return [["", ""], *([old, new] for old, new in sorted(renamed.items()))]


def todays_names(names: tf.Tensor, renamed: Any) -> tf.Tensor:
    """The names, string [...], with each old name of `rename_pairs`, [R, 2], replaced by the new one."""
    pairs = tf.convert_to_tensor(renamed)
    matches = tf.equal(names[..., None], pairs[:, 0])
    new = tf.gather(pairs[:, 1], tf.argmax(tf.cast(matches, tf.int32), axis=-1))
    return tf.where(tf.reduce_any(matches, axis=-1), new, names)
