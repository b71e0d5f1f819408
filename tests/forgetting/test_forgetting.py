"""A user who asks to be forgotten: what goes, what stays, and that a second time finds nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.warehouse.forgetting import forget as forget_rows
from newsletter_bandit.warehouse.tables.build import Plan, build
from newsletter_bandit.warehouse.tables.literals import any_text
from pipelines.forgetting import forget
from pipelines.workspace import Workspace
from serving.stores.base import StoreError
from serving.stores.sqlite import SQLiteStore
from tests import raw_sources
from tests.local_files import rankings_file, warehouse_file
from tests.rankings import make_ranking
from tests.raw_sources import END, RAW, RUN_DATE, START, duckdb_rows, fill_duckdb
from tests.set_up import ROOT, fill, placed

HOSTILE = "o'brien\\` \"; DROP TABLE x -- é"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("forgetting"))


@pytest.fixture
def workspace(full: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(full.workdir, tmp_path / "work")
    workspace = placed(full.use_case, tmp_path / "work")
    store = SQLiteStore(rankings_file(workspace.environment))
    store.put_many([make_ranking(user_id="u1"), make_ranking(user_id="u2")])
    store.close()
    return workspace


def rows(workspace: Workspace, table: str) -> list[raw_sources.Row]:
    return duckdb_rows(Path(warehouse_file(workspace.environment)), workspace.use_case.table_name(table))


def test_rows_ranking_and_refused_rows_go_and_those_of_others_stay(workspace: Workspace) -> None:
    tables = ("training", "inference", "sends", "users", "rankings", "clicks", "unsubscribes")
    before = {table: rows(workspace, table) for table in tables}
    mine = {row["send_id"] for row in before["sends"] if row["user_id"] == "u1"}
    rejects = workspace.workdir / "rejects" / "newsletter-training.jsonl"
    rejects.parent.mkdir()
    lines = [{"row": n, "values": {"User": user}} for n, user in enumerate(["u1", "u2", " u1 ", "u11"])]
    rejects.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = workspace.workdir / "logs" / "predict.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("stored ranking of user 'u1': damaged\n")

    requests = Path(workspace.environment.model_server.log)
    requests.mkdir()
    kept_requests = {"kind": "ranking", "ranking_id": "r2", "user_id": "u2"}
    for day, process in ((1, 999_999_999), (2, os.getpid())):
        name = f"2024010{day}T000000.000000Z-{process}.jsonl"
        ranking = {"kind": "ranking", "ranking_id": name, "user_id": "u1"}
        reward = {"kind": "reward", "ranking_id": name, "outcomes": {"clicked": True}}
        lines_of_it = (ranking, kept_requests, reward)
        (requests / name).write_text("".join(json.dumps(line) + "\n" for line in lines_of_it))
    ended, growing = sorted(requests.iterdir())

    found = forget(workspace, "u1")

    assert found.requests == {ended: 2}
    assert [json.loads(line) for line in ended.read_text().splitlines()] == [kept_requests]
    for table in tables:
        name = "send_id" if table in ("clicks", "unsubscribes") else "user_id"
        gone = mine if name == "send_id" else {"u1"}
        # An event without a send is nobody's.
        kept = [row for row in before[table] if row[name] not in gone or row[name] in (None, "")]
        assert rows(workspace, table) == kept
        assert found.rows[workspace.use_case.table_name(table)] == len(before[table]) - len(kept)
    assert all(rows for name, rows in found.rows.items() if name != "raw.rankings")
    assert found.ranking
    store = SQLiteStore(rankings_file(workspace.environment), read_only=True)
    assert set(store.get_many(["u1", "u2"])) == {"u2"}
    store.close()
    assert found.refused == {rejects: 2}
    assert [json.loads(line)["row"] for line in rejects.read_text().splitlines()] == [1, 3]
    assert found.mentions == (log, growing)

    again = forget(workspace, "u1")
    assert not again.anything
    build(workspace.environment.warehouse, workspace.use_case, Plan(START, END, RUN_DATE))
    assert "u1" not in {row["user_id"] for row in rows(workspace, "training")}


def test_an_identifier_of_any_characters_is_one_text(workspace: Workspace) -> None:
    path = Path(warehouse_file(workspace.environment))
    user = {**RAW["users"][0], "user_id": HOSTILE}
    fill_duckdb(path, workspace.use_case, {"users": [user]})
    removed = forget(workspace, HOSTILE).rows
    assert {name: count for name, count in removed.items() if count} == {"raw.users": 1}


def test_bigquerys_literal_is_the_text() -> None:
    assert any_text("a1") == "'a1'"
    assert any_text("o'b\\") == "'o\\U00000027b\\U0000005c'"


def test_a_key_of_another_name(tmp_path: Path) -> None:
    use_case = raw_sources.make_raw_use_case(key="session_id")
    row = {"session_id": "s", "snapshot_date": START, "eligible_recommenders": []}
    fill_duckdb(tmp_path / "w.duckdb", use_case, {"users": [row]})
    from newsletter_bandit.settings.environment import DuckDBWarehouse

    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    assert forget_rows(warehouse, use_case, "s")["raw.users"] == 1


def test_nothing_is_touched_that_is_not_there(full: Workspace, tmp_path: Path) -> None:
    found = forget(placed(full.use_case, tmp_path / "new"), "u1")
    assert not found.anything
    assert not (tmp_path / "new").exists()


def test_a_store_of_another_use_case_is_refused(workspace: Workspace) -> None:
    Path(rankings_file(workspace.environment)).unlink()
    store = SQLiteStore(rankings_file(workspace.environment))
    store.put_many([make_ranking(user_id="u1", use_case="hillstrom")])
    store.close()
    with pytest.raises(StoreError, match="holds rankings of the use case hillstrom"):
        forget(workspace, "u1")


def test_damaged_refused_rows_are_named(workspace: Workspace) -> None:
    rejects = workspace.workdir / "rejects" / "newsletter-training.jsonl"
    rejects.parent.mkdir()
    rejects.write_text("{")
    with pytest.raises(DataError, match=r"newsletter-training\.jsonl: no lines of JSON"):
        forget(workspace, "u1")


def test_the_command_says_what_is_not_changed(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", "forget", "u1", "--workdir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    first, *rest = run.stdout.splitlines()
    assert first == "Nothing of u1 was found that could be removed."
    assert "published models, which hold no identifiers" in rest[1]
