"""Reads tf.Examples as plain rows; the only module here that needs TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from components.prediction_storer.post_process import Row


def parse_example(serialized: bytes) -> Row:
    """Columns of a serialized tf.Example; one without a value is left out."""
    features = tf.train.Example.FromString(serialized).features.feature
    row: dict[str, list[bytes] | list[float] | list[int]] = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if values:
            row[name] = values
    return row
