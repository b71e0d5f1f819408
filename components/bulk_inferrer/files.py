"""Files of predictions."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from tfx.dsl.io import fileio

from components.bulk_inferrer.schema import SCHEMA


class PredictionsWriter:
    """A Parquet file that appears whole under its name, or not at all.

    Args:
      path: of the file, local or in a bucket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        # TFX's file object is none that pyarrow can write to.
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
        temporary = f"{self._path}.temporary"
        with fileio.open(temporary, "wb") as file:
            file.write(self._content.getvalue().to_pybytes())
        fileio.rename(temporary, self._path, overwrite=True)


def read_predictions(path: str, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
    """The rows of a file in their order, in batches of ``rows`` at most; the same batches each time."""
    with fileio.open(path, "rb") as file:
        yield from pq.ParquetFile(pa.BufferReader(file.read())).iter_batches(rows)
