"""Transform without TFX: the same preprocessing function and graph, on serialized tf.Examples in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from components.example_gen.example_files import ROWS, Decoder
from components.transform.analysis import WriteAnalysis
from components.transform.layout import ACTION, PROPENSITY, REWARD, USER
from components.transform.preprocessing import preprocessing_fn
from newsletter_bandit.files import filled_folder
from newsletter_bandit.settings.tables import WAREHOUSE_TYPE
from newsletter_bandit.settings.use_case import UseCase

_SCALARS = (ACTION, PROPENSITY, REWARD, USER)
_TENSOR = {
    "STRING": tf.string,
    "ARRAY<STRING>": tf.string,
    "FLOAT64": tf.float32,
    "DATE": tf.float32,
    "BOOL": tf.int64,
}


def raw_feature_spec(use_case: UseCase) -> dict[str, Any]:
    """Parsing spec of a training example: the contract's columns have one value, features none or one, lists
    any number.
    """
    features = {name: WAREHOUSE_TYPE[feature.type] for name, feature in use_case.features.items()}
    columns = use_case.example_columns
    one_value = {name for name, type_ in columns.items() if not type_.startswith("ARRAY")}
    return {
        name: tf.io.FixedLenFeature([1], _TENSOR[type_])
        if name in one_value
        else tf.io.VarLenFeature(_TENSOR[type_])
        for name, type_ in {**columns, **features}.items()
    }


def analyse(use_case: UseCase, examples: Sequence[bytes], folder: Path) -> tft.TFTransformOutput:
    """Vocabularies, means and variances of training examples, and the graph that applies them.

    Args:
      use_case: its features and their treatment.
      examples: serialized training examples.
      folder: folder of the output, which is made whole or not at all.
    """
    schema = schema_utils.schema_from_feature_spec(raw_feature_spec(use_case))
    config = {"use_case": use_case.to_json()}
    with (
        # Another process may be first, and its output is the same and may be in use already.
        filled_folder(folder, replace=False) as output,
        # Beside it: Transform renames from the one into the other.
        tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as between,
        beam.Pipeline(runner="FnApiRunner") as pipeline,
    ):
        # Decoded in large batches outside of Beam, which would hand over one example at a time.
        _ = (
            pipeline
            | beam.Create(_batches(examples, schema), reshuffle=False)
            | WriteAnalysis(schema, lambda inputs: preprocessing_fn(inputs, config), str(output), between)
        )
    return tft.TFTransformOutput(str(folder))


def _batches(examples: Sequence[bytes], schema: schema_pb2.Schema) -> list[pa.RecordBatch]:
    decoder, rows = Decoder(schema), np.array(examples, dtype=object)
    return [decoder(rows[i : i + ROWS]) for i in range(0, len(rows), ROWS)]


class Transformer:
    """Applies a transform graph to serialized training examples."""

    def __init__(self, transform_output: tft.TFTransformOutput) -> None:
        self._layer = transform_output.transform_features_layer()
        self._spec = transform_output.raw_feature_spec()

    def __call__(self, examples: npt.NDArray[np.object_]) -> Mapping[str, npt.NDArray[Any]]:
        """Tensors of `Layout` by key, [n, ...]; those of one value per row are [n]."""
        parts = [self._apply(tf.constant(examples[i : i + ROWS])) for i in range(0, len(examples), ROWS)]
        return {key: np.concatenate([part[key].numpy() for part in parts]) for key in parts[0]}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
    def _apply(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        transformed = self._layer(tf.io.parse_example(examples, self._spec))
        return {key: tf.reshape(x, [-1]) if key in _SCALARS else x for key, x in transformed.items()}
