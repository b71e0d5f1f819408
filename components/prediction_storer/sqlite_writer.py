"""Writes rankings to the SQLite file."""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from serving.ranking import Ranking
from serving.stores.sqlite import SQLiteStore

_ROWS_PER_TRANSACTION = 1000


class WriteToSQLite(beam.PTransform):
    """PCollection of `Ranking` -> rows of the file at ``path``, which is made where it is missing."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def expand(self, rankings: Any) -> Any:
        """Builds the graph."""
        return rankings | "Write" >> beam.ParDo(_Write(self._path))


class _Write(beam.DoFn):
    """One transaction a batch; several workers take turns."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._store: SQLiteStore | None = None
        self._batch: list[Ranking] = []

    def start_bundle(self) -> None:
        self._batch = []

    def process(self, ranking: Ranking) -> None:
        self._batch.append(ranking)
        if len(self._batch) >= _ROWS_PER_TRANSACTION:
            self._flush()

    def finish_bundle(self) -> None:
        if self._batch:
            self._flush()

    def teardown(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _flush(self) -> None:
        if self._store is None:
            self._store = SQLiteStore(self._path)
        self._store.put_many(self._batch)
        self._batch = []
