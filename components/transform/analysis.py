"""Transform's first half: vocabularies, means and variances of the training examples, and the graph that applies them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.tfxio import tf_example_record

# Rows that go through the graph at once. TFX's reader hands over some hundred: a call's own cost would prevail.
BATCH = 16_384

# Raw batch -> the tensors of `Layout`.
Preprocessing = Callable[[dict[str, Any]], dict[str, Any]]


class WriteAnalysis(beam.PTransform):
    """PCollection of record batches -> TFX's transform graph in a folder, as `TFTransformOutput` reads it.

    Args:
      schema: of the raw examples; labels included.
      preprocessing_fn: what to analyse and to put into the graph.
      folder: for the graph.
      temporary: folder for what lies between the passes.
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


class ReadRecordBatches(beam.DoFn):
    """Path of a TFRecord file of examples -> its rows, decoded as a schema says, `BATCH` at a time."""

    def __init__(self, schema: schema_pb2.Schema) -> None:
        super().__init__()
        self._schema = schema.SerializeToString()
        self._decoder: ExamplesToRecordBatchDecoder | None = None

    def setup(self) -> None:
        self._decoder = ExamplesToRecordBatchDecoder(self._schema)

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        for examples in records(path).batch(BATCH).as_numpy_iterator():
            yield self._decoder.DecodeBatch(examples.tolist())


def records(path: str) -> tf.data.Dataset:
    """The serialized examples of a TFRecord file, which is gzipped where its name says so."""
    return tf.data.TFRecordDataset(path, "GZIP" if path.endswith(".gz") else "")


def decode(examples: Iterable[bytes], schema: schema_pb2.Schema) -> list[pa.RecordBatch]:
    """Examples in memory as record batches of at most `BATCH` rows."""
    decoder = ExamplesToRecordBatchDecoder(schema.SerializeToString())
    rows = list(examples)
    return [decoder.DecodeBatch(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH)]
