"""Transform's second half: applies the graph to whole files of examples, in large batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.coders.example_coder import RecordBatchToExamples

from components.example_gen.example_files import records
from newsletter_bandit.files import files_of

# Rows per batch; more are no faster, only larger.
_BATCH = 8192
_THREADS = 2
# These files are kept only for an hour, so making them smaller is not worth the time.
COMPRESSION = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


class ApplyGraph(beam.DoFn):
    """(file of raw examples, file of transformed ones): writes the second; a retry replaces it.

    Args:
      folder: folder of the transform graph.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self._graph: _Graph | None = None

    def setup(self) -> None:
        self._graph = _Graph(tft.TFTransformOutput(self._folder))

    def teardown(self) -> None:
        # Before the interpreter ends: TensorFlow's functions complain if they outlive it.
        self._graph = None

    def process(self, element: tuple[str, str]) -> Iterator[Any]:
        source, target = element
        rows = beam.metrics.Metrics.counter("Transform", "rows")
        assert self._graph is not None
        with (
            files_of(target).filled(target) as path,
            tf.io.TFRecordWriter(path, COMPRESSION) as writer,
        ):
            for batch in self._graph.batches(source):
                for example in RecordBatchToExamples(batch):
                    writer.write(example)
                rows.inc(batch.num_rows)
        yield from ()


class _Graph:
    def __init__(self, transform_output: tft.TFTransformOutput) -> None:
        layer, spec = transform_output.transform_features_layer(), transform_output.raw_feature_spec()

        # Traced once for all files, and without autograph: converting the layer's code takes two seconds each
        # time.
        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
        def apply(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            transformed: dict[str, tf.Tensor] = layer(tf.io.parse_example(examples, spec))
            return transformed

        self._apply = apply.get_concrete_function()

    def batches(self, path: str) -> Iterator[pa.RecordBatch]:
        """Transformed rows of a file, in its order; the next batch is made while one is written."""
        batches = records(path).batch(_BATCH).map(self._apply, num_parallel_calls=_THREADS).prefetch(_THREADS)
        for transformed in batches.as_numpy_iterator():
            yield pa.RecordBatch.from_arrays(
                [_lists(values) for values in transformed.values()], list(transformed)
            )


def _lists(values: npt.NDArray[Any]) -> pa.ListArray:
    """[B, W] as a list of W values per row."""
    rows = len(values)
    width = values.size // max(rows, 1)
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.reshape(-1)))


def target_of(folder: str, number: int, count: int) -> str:
    """Path of one of ``count`` files of transformed examples."""
    return os.path.join(folder, f"transformed_examples-{number:05d}-of-{count:05d}.gz")
