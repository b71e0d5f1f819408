"""A key of one's own: the subject's column in files, tables and SQL, and the contract's name behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlglot

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.embedded import read_batches
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.queries import render_inference_query, render_training_query
from newsletter_bandit.warehouse.tables.build import Plan, build
from newsletter_bandit.warehouse.tables.sql import Statements
from tests import raw_sources
from tests.raw_rows import make_typed_use_case, write_csv
from tests.raw_sources import END, RAW, RUN_DATE, START, Row, duckdb_rows, fill_duckdb, make_history_use_case

pytestmark = pytest.mark.database
SESSION: dict[str, Any] = {
    "key": "session_id",
    "words": {"unit": "visit", "subject": "session", "people": False},
}


def of_sessions(**changes: Any) -> UseCase:
    return UseCase.model_validate({**make_typed_use_case().model_dump(), **SESSION, **changes})


def renamed(rows: list[Row], old: str, new: str) -> list[Row]:
    return [{new if name == old else name: value for name, value in row.items()} for row in rows]


def with_sessions(path: Path) -> Path:
    path.write_text(path.read_text().replace("user_id", "session_id"))
    return path


def test_a_file_names_its_sessions_and_the_query_gives_the_contracts_name(tmp_path: Path) -> None:
    use_case, warehouse = of_sessions(), tmp_path / "w.duckdb"
    file = with_sessions(write_csv(tmp_path / "rows.csv", {}, {}))
    for table in ("training", "inference"):
        assert ingest(warehouse, use_case, table, [file]).loaded == 2  # type: ignore[arg-type]
        names = list(duckdb_rows(warehouse, f"tiny.{table}")[0])
        assert names[0] == "session_id"
        assert "user_id" not in names
    there = DuckDBWarehouse(kind="duckdb", path=str(warehouse))
    for query in (
        render_training_query(use_case, there, START, END),
        render_inference_query(use_case, there, RUN_DATE),
    ):
        assert "newsletter" not in query.lower()
        assert "user_id" in query
        (batch,) = read_batches(warehouse, query)
        assert sorted(batch.column("user_id").to_pylist()) == ["u1", "u2"]


def test_a_refused_row_names_the_column_of_the_sessions(tmp_path: Path) -> None:
    use_case = of_sessions(ingest={"max_rejected_share": 0.0})
    rows = ({}, {"user_id": ""}, {"user_id": "__u__"}, {"user_id": "u1"})
    file = with_sessions(write_csv(tmp_path / "rows.csv", *rows))
    with pytest.raises(DataError, match="refused") as refusal:
        ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    for words in (
        "session_id: empty",
        "session_id: reserved by",
        "a second row of the same session_id, campaign",
    ):
        assert words in str(refusal.value)
    assert "user" not in str(refusal.value)


def test_an_older_row_of_a_session_gives_way(tmp_path: Path) -> None:
    newer = {"user_id": "u1", "sent_at": "2024-01-11 08:00:00", "colour": "blue"}
    file = with_sessions(write_csv(tmp_path / "rows.csv", {}, newer))
    report = ingest(tmp_path / "w.duckdb", of_sessions(), "inference", [file])
    assert "1 older rows of sessions that have a newer one were left out." in report.said
    (row,) = duckdb_rows(tmp_path / "w.duckdb", "tiny.inference")
    assert (row["session_id"], row["colour"]) == ("u1", "blue")


def test_a_file_may_lack_the_unsubscribes_that_the_reward_does_not_know(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "rows.csv", {}, without=("unsubscribed",))
    clicks = of_sessions(key="user_id", reward={"terms": {"clicked": 1}})
    assert ingest(tmp_path / "w.duckdb", clicks, "training", [file]).loaded == 1
    (row,) = duckdb_rows(tmp_path / "w.duckdb", "tiny.training")
    assert row["unsubscribed"] is False
    with pytest.raises(DataError, match="unsubscribed"):
        ingest(tmp_path / "other.duckdb", of_sessions(key="user_id"), "training", [file])


def test_the_raw_tables_make_the_same_rows_under_another_key(tmp_path: Path) -> None:
    users, sessions = make_history_use_case(), make_history_use_case(**SESSION)
    # A ranking has the names of the ranking store.
    raw = {
        name: rows if name == "rankings" else renamed(rows, "user_id", "session_id")
        for name, rows in RAW.items()
    }
    found, report = [], None
    for use_case, filled in ((users, RAW), (sessions, raw)):
        path = tmp_path / f"{use_case.key}.duckdb"
        fill_duckdb(path, use_case, filled)
        report = build(DuckDBWarehouse(kind="duckdb", path=str(path)), use_case, Plan(START, END, RUN_DATE))
        tables = [duckdb_rows(path, f"tiny.{table}") for table in ("training", "inference")]
        assert all(use_case.key in row for rows in tables for row in rows)
        found.append([sorted(map(str, renamed(rows, use_case.key, "user_id"))) for rows in tables])
    assert found[0] == found[1]
    assert [len(rows) for rows in found[0]] == [len(raw_sources.TRAINING), len(raw_sources.INFERENCE)]
    for line in (
        "left out: 6 sends without send_id, session_id, sent_at, campaign or recommender",
        "left out: 2 rows without session_id",
        "left out: 1 rows further rows of a session",
        "without features: 3 rows, whose sessions have no snapshot",
        "no clicks: after the unsubscribe, of 1 visit",
    ):
        assert f"  {line}\n" in f"{report}\n"


def test_bigquery_clusters_by_the_key() -> None:
    warehouse = BigQueryWarehouse(kind="bigquery", project="a-project")
    statements = Statements(make_history_use_case(**SESSION), warehouse)
    for sql in (
        statements.create("training"),
        statements.create("inference"),
        statements.create_raw("users"),
        statements.build_training(START, END),
        statements.build_inference(RUN_DATE, START, "c1"),
        statements.count_training(START, END),
        statements.count_inference(RUN_DATE),
    ):
        assert sqlglot.parse_one(sql, read="bigquery") is not None
        assert "`session_id`" in sql
    assert "user_id" not in statements.create("inference")
    assert "Sessions of the next visit" in statements.create("inference")
    assert "CLUSTER BY user_id" in statements.create_raw("rankings")
