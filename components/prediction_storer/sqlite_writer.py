"""Writes rankings to the SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import apache_beam as beam
import pyarrow as pa

from components.prediction_storer.checking import Checker
from components.prediction_storer.sqlite_rows import stored_rows
from serving.stores.sqlite import SQLiteStore

_ROWS_PER_TRANSACTION = 10_000


class WriteToSQLite(beam.PTransform):
    """PCollection of checked batches -> the same, once they are rows of the file at ``path``, which is made
    if it is missing.
    """

    def __init__(self, path: str, checker: Checker) -> None:
        super().__init__()
        self._path = path
        self._checker = checker

    def expand(self, checked: Any) -> Any:
        """Builds the graph."""
        return checked | "Write" >> beam.ParDo(_Write(self._path, self._checker))


class _Write(beam.DoFn):
    """Writes one transaction per so many rows; several workers take turns."""

    def __init__(self, path: str, checker: Checker) -> None:
        super().__init__()
        self._path = path
        self._checker = checker
        self._store: SQLiteStore | None = None

    def process(self, checked: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if self._store is None:
            self._store = SQLiteStore(self._path)
            # Before the first row, so that no other use case's ranking is replaced.
            self._store.require(self._checker.stamp.use_case)
        rows = stored_rows(checked, self._checker)
        while part := list(islice(rows, _ROWS_PER_TRANSACTION)):
            self._store.put_rows(part)
        yield checked

    def teardown(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
