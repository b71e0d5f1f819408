"""Logged rows as a trained agent reads them, drawn from a seed: in arrays, and in files as Transform writes
them.

Needs NumPy alone, so that a peer's process draws the very rows that ours does; `write_files` needs the
project's environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from components.transform.layout import ACTION, CATEGORICAL, ELIGIBLE, NUMERIC, PROPENSITY, REWARD, Layout

Arrays = Mapping[str, npt.NDArray[Any]]
_BATCH = 8192


def layout(recommenders: int, numbers: int, strings: int = 0) -> Layout:
    """Layout of rows with ``numbers`` numbers: an even number, since a missing mark stands beside each."""
    if numbers % 2:
        raise ValueError(f"numbers: found {numbers}; allowed: an even number")
    names = [[f"{kind}{i}" for i in range(count)] for kind, count in (("n", numbers // 2), ("s", strings))]
    arms = tuple(f"recommender{i}" for i in range(recommenders))
    return Layout(tuple(names[0]), tuple(names[1]), (4,) * strings, arms)


def draw_rows(rows: int, of: Layout, vocabulary_sizes: tuple[int, ...], seed: int) -> Arrays:
    """Standard normal numbers, strings drawn alike, uniform choices, rewards 0 or 1 that depend on the
    numbers.
    """
    rng = np.random.default_rng(seed)
    recommenders = len(of.recommenders)
    numbers = rng.standard_normal((rows, of.numeric_width), np.float32)
    action = rng.integers(0, recommenders, rows)
    truth = rng.normal(0.0, 0.1, (recommenders, of.numeric_width)).astype(np.float32)
    mean = 0.2 + np.einsum("np,np->n", numbers, truth[action])
    arrays: dict[str, npt.NDArray[Any]] = {
        NUMERIC: numbers,
        ELIGIBLE: np.ones((rows, recommenders), np.int64),
        ACTION: action,
        PROPENSITY: np.full(rows, 1.0 / recommenders, np.float32),
        REWARD: (rng.random(rows) < mean).astype(np.float32),
    }
    if vocabulary_sizes:
        arrays[CATEGORICAL] = np.stack([rng.integers(0, size, rows) for size in vocabulary_sizes], axis=1)
    return arrays


def write_files(arrays: Arrays, folder: Path, files: int) -> None:
    """Gzipped TFRecord files of tf.Examples below ``folder``, which is made."""
    import pyarrow as pa
    import tensorflow as tf
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.coders import example_coder

    folder.mkdir(parents=True)
    schema = schema_pb2.Schema()
    for key, values in arrays.items():
        kind = schema_pb2.FLOAT if values.dtype == np.float32 else schema_pb2.INT
        schema.feature.add(name=key, type=kind)
    encoder = example_coder.RecordBatchToExamplesEncoder(schema)
    rows = len(arrays[ACTION])
    for number in range(files):
        start, stop = rows * number // files, rows * (number + 1) // files
        path = folder / f"transformed_examples-{number:05d}-of-{files:05d}.gz"
        with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for first in range(start, stop, _BATCH):
                columns = []
                for values in arrays.values():
                    block = values[first : min(first + _BATCH, stop)].reshape(min(_BATCH, stop - first), -1)
                    ends = np.arange(0, block.size + 1, block.shape[1])
                    columns.append(pa.LargeListArray.from_arrays(ends, block.ravel()))
                for example in encoder.encode(pa.RecordBatch.from_arrays(columns, list(arrays))):
                    writer.write(example)
