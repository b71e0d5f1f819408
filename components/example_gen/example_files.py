"""Files of serialized tf.Examples, as every ExampleGen writes them, read a batch at a time.

TFX's and Beam's own readers hand over one row at a time through Python, which takes most steps nearly all of
their time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from newsletter_bandit.errors import DataError
from newsletter_bandit.threads import in_order

# Rows of a record batch: enough to make the cost per call small; about ten MB.
ROWS = 16_384


def split_files(examples: Iterable[types.Artifact], split: str) -> list[str]:
    """Paths of a split's files, sorted.

    Raises:
      DataError: there is none.
    """
    folder = artifact_utils.get_split_uri(list(examples), split)
    found = sorted(fileio.glob(io_utils.all_files_pattern(folder)))
    if not found:
        raise DataError(f"examples: found no file in {folder}; allowed: one or more")
    return found


def records(path: str) -> tf.data.Dataset:
    """The serialized examples of a TFRecord file, which is gzipped if its name says so."""
    return tf.data.TFRecordDataset(path, "GZIP" if path.endswith(".gz") else "")


class Decoder:
    """Serialized examples -> a record batch whose columns are lists.

    Args:
      schema: columns and their types; None takes those of the examples.
    """

    def __init__(self, schema: schema_pb2.Schema | None = None) -> None:
        self._schema = schema and schema.SerializeToString()
        # A thread must not use another's decoder, which holds that thread's current work.
        self._of_thread = threading.local()

    def __call__(self, examples: npt.NDArray[np.object_]) -> pa.RecordBatch:
        """Rows [n] in their order."""
        if not hasattr(self._of_thread, "decoder"):
            self._of_thread.decoder = ExamplesToRecordBatchDecoder(self._schema)
        return self._of_thread.decoder.DecodeBatch(examples.tolist())

    def batches(self, path: str) -> Iterator[pa.RecordBatch]:
        """A file's rows in its order, `ROWS` at a time; the next are decoded meanwhile."""
        yield from in_order(self, records(path).batch(ROWS).prefetch(1).as_numpy_iterator())


class ReadRecordBatches(beam.DoFn):
    """Path of a file -> its rows in record batches; see `Decoder` for ``schema``."""

    def __init__(self, schema: schema_pb2.Schema | None = None) -> None:
        super().__init__()
        self._schema = schema
        self._decoder: Decoder | None = None

    def setup(self) -> None:
        self._decoder = Decoder(self._schema)

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        assert self._decoder is not None
        yield from self._decoder.batches(path)


class ReadFiles(beam.PTransform):
    """Pipeline -> PCollection of record batches of some files, spread over the workers one file at a time."""

    def __init__(self, paths: Iterable[str], schema: schema_pb2.Schema | None = None) -> None:
        super().__init__()
        self._paths = list(paths)
        self._schema = schema

    def expand(self, pipeline: Any) -> Any:
        """Builds the graph."""
        return pipeline | SpreadFiles(self._paths) | "Read" >> beam.ParDo(ReadRecordBatches(self._schema))


class SpreadFiles(beam.PTransform):
    """Pipeline -> PCollection of elements, each a file's work, that any worker may take."""

    def __init__(self, files: Iterable[Any]) -> None:
        super().__init__()
        self._files = list(files)

    def expand(self, pipeline: Any) -> Any:
        """Builds the graph."""
        return pipeline | "Files" >> beam.Create(self._files, reshuffle=False) | "Spread" >> beam.Reshuffle()
