"""Transform's first half: vocabularies, means and variances of the training examples, and the graph that
applies them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import apache_beam as beam
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx_bsl.tfxio import tf_example_record

# Raw batch -> the tensors of `Layout`.
Preprocessing = Callable[[dict[str, Any]], dict[str, Any]]


class WriteAnalysis(beam.PTransform):
    """PCollection of record batches -> TFX's transform graph in a folder, as `TFTransformOutput` reads it.

    Args:
      schema: schema of the raw examples, labels included.
      preprocessing_fn: function to analyse and to put into the graph.
      folder: folder for the graph.
      temporary: folder for files between the passes.
    """

    def __init__(
        self, schema: schema_pb2.Schema, preprocessing_fn: Preprocessing, folder: str, temporary: str
    ) -> None:
        super().__init__()
        self._schema = schema
        self._preprocessing_fn = preprocessing_fn
        self._folder = folder
        self._temporary = temporary

    def expand(self, batches: Any) -> None:
        """Builds the graph."""
        source = tf_example_record.TFExampleBeamRecord(
            physical_format="inmem", schema=self._schema, telemetry_descriptors=["transform"]
        )
        with tft_beam.Context(temp_dir=self._temporary):
            transform_fn = (
                batches,
                source.TensorAdapterConfig(),
            ) | "Analyse" >> tft_beam.AnalyzeDataset(self._preprocessing_fn)
            _ = transform_fn | "WriteGraph" >> tft_beam.WriteTransformFn(self._folder)
        metadata = dataset_metadata.DatasetMetadata(self._schema)
        _ = metadata | "WriteRawMetadata" >> tft_beam.WriteMetadata(
            os.path.join(self._folder, "metadata"), batches.pipeline
        )
