"""Reads a query's rows from either warehouse."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.warehouse import embedded
from newsletter_bandit.warehouse.bigquery import BigQuery
from newsletter_bandit.warehouse.queries import Warehouse


def read(warehouse: Warehouse, query: str) -> Iterator[pa.RecordBatch]:
    """Runs BigQuery SQL on the embedded warehouse or on BigQuery.

    Yields:
      Arrow record batches of at least one row; none where the query finds nothing.

    Raises:
      UserError: as `newsletter_bandit.warehouse.embedded.read_batches` or `BigQuery.run`.
    """
    if isinstance(warehouse, DuckDBWarehouse):
        return embedded.read_batches(warehouse.path, query)
    return BigQuery(warehouse).read_batches(query)


def first_rows(warehouse: Warehouse, query: str, most: int) -> pa.RecordBatch | None:
    """Up to ``most`` rows as one batch, None if there is no row; otherwise as `read`."""
    if isinstance(warehouse, DuckDBWarehouse):
        return next(embedded.read_batches(warehouse.path, query, most), None)
    # With the limit, BigQuery does not send more than is kept.
    batches = list(BigQuery(warehouse).read_batches(f"SELECT * FROM ({query}) LIMIT {most}"))
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0] if batches else None
