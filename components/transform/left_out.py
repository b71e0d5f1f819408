"""The features that a transform graph leaves out: constant, or nearly, in the training rows."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.transform.layout import NUMERIC, Layout
from newsletter_bandit.settings.use_case import UseCase

# No feature that is left in gives the same for both: a mean lies between them.
_APART = {tf.int64: (0, 1), tf.float32: (-1e30, 1e30)}


def left_out(use_case: UseCase, transform_output: tft.TFTransformOutput) -> tuple[str, ...]:
    """Names of the number, date and bool features that are 0 in every row, in the order of `Layout`.

    Args:
      use_case: the one of the graph.
      transform_output: Transform's output.
    """
    names = Layout.of(use_case).numeric_features
    if not names:
        return ()
    spec = transform_output.raw_feature_spec()
    rows = {name: _two_rows(kind, name in names) for name, kind in spec.items()}
    first, second = transform_output.transform_features_layer()(rows)[NUMERIC].numpy()
    return tuple(name for name, a, b in zip(names, first, second, strict=False) if a == b)


def _two_rows(kind: Any, apart: bool) -> Any:
    """A batch of two rows of a raw feature, whose values lie far apart or are the same."""
    values = _APART[kind.dtype] if apart else (("", "") if kind.dtype == tf.string else (0, 0))
    dense = tf.constant(values, kind.dtype)[:, None]
    if isinstance(kind, tf.io.FixedLenFeature):
        return tf.reshape(dense, [2, *kind.shape])
    return tf.SparseTensor([[0, 0], [1, 0]], tf.reshape(dense, [-1]), [2, 1])
