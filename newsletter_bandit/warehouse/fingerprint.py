"""A fingerprint of the rows that a query finds, by which the same rows are known again in whatever order.

Each row is hashed with all its columns, where it lies: only three numbers leave the warehouse. They are the
number of rows, the XOR of their hashes, and the sum of their hashes modulo a prime. Both are sums of whole
numbers, which no order changes, and the second sees what the first does not: rows that come twice.

The two warehouses hash differently, and so may two versions of DuckDB: a fingerprint is compared with earlier
ones of the same warehouse, and where the hash has changed, the same rows count as others.
"""

from __future__ import annotations

import hashlib

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.warehouse import embedded
from newsletter_bandit.warehouse.bigquery import BigQuery
from newsletter_bandit.warehouse.queries import Warehouse

# The hash of a row as each warehouse writes it. The sum of as many as 4e9 of them fits 64 bits.
_BIGQUERY = "FARM_FINGERPRINT(TO_JSON_STRING(found))"
_DUCKDB = "hash(found)"
_SUMS = """
SELECT COUNT(*) AS number, BIT_XOR(hashed) AS mixed, SUM(MOD(hashed, 2147483647)) AS total
FROM (SELECT {hash} AS hashed FROM (
{query}
) AS found) AS hashes
"""


def fingerprint(warehouse: Warehouse, query: str) -> str:
    """Sixteen hexadecimal digits that change with any value of any column of the rows that a query finds.

    Reading costs as much as the query itself.

    Args:
      warehouse: where the query runs.
      query: BigQuery SQL; for the embedded warehouse, of the subset in
        `newsletter_bandit.warehouse.translate`.

    Raises:
      UserError: the warehouse, the table or a column is missing; see `newsletter_bandit.warehouse.reading`.
    """
    if isinstance(warehouse, DuckDBWarehouse):
        numbers = embedded.row(warehouse.path, query, lambda sql: _SUMS.format(hash=_DUCKDB, query=sql))
    else:
        _, (found,) = BigQuery(warehouse).rows(_SUMS.format(hash=_BIGQUERY, query=query))
        numbers = (found["number"], found["mixed"], found["total"])
    return hashlib.sha256(" ".join(map(str, numbers)).encode()).hexdigest()[:16]
