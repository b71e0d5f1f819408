"""Tables in memory as tf.Examples, by the same ingestion, SQL and encoder as a company's own rows."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from components.example_gen.encode import serialize
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.embedded import read_batches
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.queries import render_inference_query, render_training_query


def training_examples(
    use_case: UseCase, table: pa.Table, start: dt.date, end: dt.date
) -> tuple[pa.Table, npt.NDArray[np.object_]]:
    """Training rows sent from ``start`` to before ``end``: the query's rows, and an example for each.

    The rows keep the order of ``table``.

    Raises:
      DataError: no row can be used.
    """
    return _encode(use_case, "training", table, render_training_query(use_case, _warehouse(), start, end))


def inference_examples(
    use_case: UseCase, table: pa.Table, run_date: dt.date
) -> tuple[pa.Table, npt.NDArray[np.object_]]:
    """Examples of an inference table; dates are relative to ``run_date``."""
    return _encode(use_case, "inference", table, render_inference_query(use_case, _warehouse(), run_date))


def _warehouse() -> DuckDBWarehouse:
    return DuckDBWarehouse(kind="duckdb")


def _encode(
    use_case: UseCase, name: Literal["training", "inference"], table: pa.Table, query: str
) -> tuple[pa.Table, npt.NDArray[np.object_]]:
    with tempfile.TemporaryDirectory(prefix="newsletter_bandit_") as folder:
        rows, warehouse = Path(folder) / "rows.parquet", Path(folder) / "warehouse.duckdb"
        columns = [use_case.column(name, column) for column in table.column_names]
        pq.write_table(table.rename_columns(columns), rows)
        ingest(warehouse, use_case, name, [rows])
        batches = list(read_batches(warehouse, query))
    examples = [example for batch in batches for example in serialize(batch)]
    return pa.Table.from_batches(batches), np.array(examples, dtype=np.object_)
