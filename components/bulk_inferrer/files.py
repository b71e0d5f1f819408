"""Files of predictions."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from components.bulk_inferrer.schema import SCHEMA
from newsletter_bandit.files import files_of, read_bytes

ROWS = 10_000


class PredictionsWriter:
    """A Parquet file that appears whole under its name, or not at all.

    Args:
      path: path of the file, local or in a bucket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        # pyarrow cannot write to TFX's file object.
        self._content = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._content, SCHEMA, compression="zstd")

    def __enter__(self) -> PredictionsWriter:
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends rows."""
        self._writer.write_batch(batch)

    def __exit__(self, kind: object, *_: object) -> None:
        self._writer.close()
        if kind is not None:
            return
        files_of(self._path).write(self._path, pa.BufferReader(self._content.getvalue()))


def read_predictions(path: str) -> Iterator[pa.RecordBatch]:
    """The rows of a file in their order, in batches of `ROWS` at most; the same batches each time."""
    yield from pq.ParquetFile(pa.BufferReader(read_bytes(path))).iter_batches(ROWS)
