"""CREATE TABLE and MERGE for DuckDB: what they do there, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.warehouse.statements import creation, replacement

MERGE = """
MERGE `a-project.shop.t` AS target
USING (
  WITH known AS (SELECT id, word FROM `shop.new` WHERE id IS NOT NULL)
  SELECT id, word FROM known
) AS source
ON FALSE
WHEN NOT MATCHED BY SOURCE AND target.id >= 2 AND target.id < 4 THEN DELETE
WHEN NOT MATCHED BY TARGET THEN INSERT (`id`, `word`) VALUES (`id`, `word`)
"""
CREATE = """
CREATE TABLE IF NOT EXISTS `a-project.shop.made` (
  `s` STRING, f FLOAT64, b BOOL, d DATE, t TIMESTAMP, l ARRAY<STRING>, n ARRAY<FLOAT64>
)
PARTITION BY DATE(t) CLUSTER BY s, b OPTIONS (description = 'it\\'s')
"""


@pytest.fixture
def connection(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """A file named like its schema, with a table and rows for it."""
    connection = duckdb.connect(str(tmp_path / "shop.duckdb"))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA shop")
    connection.execute("CREATE TABLE shop.shop.t AS SELECT range AS id, 'old' AS word FROM range(6)")
    connection.execute(
        "CREATE TABLE shop.shop.new AS FROM (VALUES (3, 'new'), (9, 'new'), (NULL, 'x')) AS v (id, word)"
    )
    return connection


def test_a_merge_replaces_the_rows_of_its_condition(connection: duckdb.DuckDBPyConnection) -> None:
    work = replacement(MERGE, "shop")
    assert work.table == ("shop", "t")
    assert work.source.tables == (("shop", "new"),)
    for _ in range(2):
        connection.execute(work.delete)
        connection.execute(work.insert)
        connection.execute("DELETE FROM shop.shop.t WHERE id = 9 AND word = 'old'")
    found = connection.execute("SELECT id, word FROM shop.shop.t WHERE id < 9 ORDER BY id").fetchall()
    assert found == [(0, "old"), (1, "old"), (3, "new"), (4, "old"), (5, "old")]


def test_a_merge_without_a_condition_replaces_all(connection: duckdb.DuckDBPyConnection) -> None:
    work = replacement(MERGE.replace("AND target.id >= 2 AND target.id < 4 ", ""), "shop")
    assert connection.execute(work.delete).fetchall() == [(6,)]
    assert connection.execute(work.insert).fetchall() == [(2,)]


def test_a_table_is_made_once_with_duckdbs_types(connection: duckdb.DuckDBPyConnection) -> None:
    made = creation(CREATE, "shop")
    assert made.schema == "shop"
    connection.execute(made.sql)
    connection.execute(made.sql)
    assert [row[:2] for row in connection.execute("DESCRIBE shop.shop.made").fetchall()] == [
        ("s", "VARCHAR"),
        ("f", "DOUBLE"),
        ("b", "BOOLEAN"),
        ("d", "DATE"),
        ("t", "TIMESTAMP WITH TIME ZONE"),
        ("l", "VARCHAR[]"),
        ("n", "DOUBLE[]"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ON FALSE", "ON TRUE", "a MERGE of another form"),
        ("ON FALSE", "ON target.id = source.id", "a MERGE of another form"),
        ("BY SOURCE AND", "BY TARGET AND", "a MERGE of another form"),
        ("THEN DELETE", "THEN UPDATE SET word = 'x'", "a MERGE of another form"),
        (
            "WHEN NOT MATCHED BY TARGET THEN",
            "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN",
            "a MERGE of another",
        ),
        ("INSERT (`id`, `word`) VALUES (`id`, `word`)", "INSERT ROW", "a MERGE of another form"),
        ("VALUES (`id`, `word`)", "VALUES (`id`, FARM_FINGERPRINT(word))", "FARM_FINGERPRINT"),
        ("target.id < 4", "target.id < RAND()", "RAND"),
        ("WHERE id IS NOT NULL", "WHERE id = @id", "PARAMETER"),
        ("`a-project.shop.t`", "`a-project.shop.t-1`", "the table name"),
        ("MERGE ", "SELECT 1; MERGE ", "found SELECT, MERGE"),
    ],
)
def test_another_merge_is_refused(old: str, new: str, message: str) -> None:
    assert old in MERGE
    with pytest.raises(SettingsError, match=message):
        replacement(MERGE.replace(old, new), "shop")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("IF NOT EXISTS ", "", "other than one CREATE TABLE IF NOT EXISTS"),
        ("CREATE TABLE IF", "CREATE OR REPLACE TABLE IF", "not BigQuery SQL|other than one CREATE TABLE"),
        ("CREATE TABLE", "CREATE TEMP TABLE", "other than one CREATE TABLE"),
        ("f FLOAT64", "f INT64", "a column of type INT64"),
        ("f FLOAT64", "f NUMERIC(5, 2)", "a column of type NUMERIC"),
        ("f FLOAT64", "f FLOAT64 NOT NULL", "more than a name and a type"),
        ("f FLOAT64", "f ARRAY<STRUCT<x STRING>>", "a column of type ARRAY<STRUCT"),
        ("OPTIONS", "AS SELECT 1 AS s --", "other than one CREATE TABLE"),
        ("CREATE TABLE", "DROP TABLE `shop.t`; CREATE TABLE", "found DROP, CREATE"),
    ],
)
def test_another_create_is_refused(old: str, new: str, message: str) -> None:
    assert old in CREATE
    with pytest.raises(SettingsError, match=message):
        creation(CREATE.replace(old, new), "shop")
