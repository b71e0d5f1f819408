"""The fingerprint of a training query's rows on the embedded warehouse."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.fingerprint import fingerprint
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.queries import training_query
from newsletter_bandit.warehouse.run_date import dated
from tests.raw_rows import write_csv

RUN_DATE = "2024-02-01"
TABLE = "tiny.training"


@pytest.fixture
def warehouse(tmp_path: Path, use_case: UseCase) -> DuckDBWarehouse:
    heights = (
        {"height": f"{150 + row / 7:.6f}", "colour": ("red", "", "blue")[row % 3]} for row in range(200)
    )
    source = write_csv(tmp_path / "training.csv", *heights)
    ingest(tmp_path / "w.duckdb", use_case, "training", [source])
    return DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))


def found(warehouse: DuckDBWarehouse, use_case: UseCase) -> str:
    return fingerprint(warehouse, dated(training_query(use_case, warehouse), use_case, RUN_DATE).query)


def change(warehouse: DuckDBWarehouse, *statements: str) -> None:
    with duckdb.connect(warehouse.path) as connection:
        for statement in statements:
            connection.execute(statement)


def test_any_value_of_any_column_that_is_read_changes_it_and_no_order_does(
    warehouse: DuckDBWarehouse, use_case: UseCase
) -> None:
    seen = {found(warehouse, use_case)}
    one = f"user_id = (SELECT min(user_id) FROM {TABLE})"
    for value in (
        "height = height + 1e-6",
        "height = NULL",
        "colour = 'green'",
        "member = NOT member",
        "joined = joined - 1",
        "propensity = 0.25",
        "unsubscribed = NOT unsubscribed",
        "eligible_recommenders = ['a', 'b']",
    ):
        change(warehouse, f"UPDATE {TABLE} SET {value} WHERE {one}")
        before = len(seen)
        seen.add(found(warehouse, use_case))
        assert len(seen) == before + 1, value
    # The features of two users in exchange: counts, means and extremes of each column are what they were.
    change(
        warehouse,
        f"UPDATE {TABLE} SET height = IF(user_id = 'u4', 160.5, 150.5) WHERE user_id IN ('u4', 'u7')",
    )
    first = found(warehouse, use_case)
    change(
        warehouse,
        f"UPDATE {TABLE} SET height = 311.0 - height WHERE user_id IN ('u4', 'u7')",
    )
    last = found(warehouse, use_case)
    assert first != last
    # A row that comes twice, and one that no training of the window reads.
    change(
        warehouse, f"CREATE TABLE kept AS SELECT * FROM {TABLE}", f"INSERT INTO {TABLE} SELECT * FROM kept"
    )
    assert found(warehouse, use_case) not in (first, last)
    change(
        warehouse,
        f"DELETE FROM {TABLE}",
        f"INSERT INTO {TABLE} SELECT * FROM kept ORDER BY height DESC, user_id",
        f"INSERT INTO {TABLE} (SELECT * REPLACE (sent_at + INTERVAL 300 DAY AS sent_at) FROM kept)",
    )
    assert found(warehouse, use_case) == last


def test_no_rows_have_one_and_a_missing_table_is_named(
    warehouse: DuckDBWarehouse, use_case: UseCase, tmp_path: Path
) -> None:
    change(warehouse, f"DELETE FROM {TABLE}")
    assert len(found(warehouse, use_case)) == 16
    change(warehouse, f"DROP TABLE {TABLE}")
    with pytest.raises(DataError, match=r"no table tiny\.training"):
        found(warehouse, use_case)
