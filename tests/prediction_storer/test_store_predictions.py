"""The Beam graph, in process, writing to SQLite."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.prediction_storer import transforms
from components.prediction_storer.counts import Counts
from serving.stores.base import StoreError
from serving.stores.sqlite import SQLiteStore
from tests.prediction_storer.prediction_rows import EXPIRES_AT, STAMP, row
from tests.prediction_storer.stored_day import store_day


def dead_letters(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "dead_letters.jsonl").read_text().splitlines()]


def records(folder: Path, count: int) -> dict[str, dict[str, Any]]:
    store = SQLiteStore(folder / "rankings.sqlite", read_only=True)
    found = store.get_many([f"user-{number}" for number in range(count)])
    assert store.count() == len(found)
    return {user_id: ranking.to_json_dict() for user_id, ranking in found.items()}


def test_stores_the_good_rows_and_writes_the_others_down(tmp_path: Path) -> None:
    good = [row(f"user-{number}") for number in range(30)]
    bad = [row(""), row("user-3", campaign=[b"sunday"])]
    counts = store_day([*bad, *good], tmp_path)
    assert counts == Counts(30, {"duplicate_user_id": 1, "missing_user_id": 1}, EXPIRES_AT.isoformat())
    assert len(records(tmp_path, 30)) == 30
    # Of the two rows of user-3 the one that sorts first is kept.
    assert records(tmp_path, 30)["user-3"]["campaign"] == "monday"
    letters = {letter["reason"]: letter["row"] for letter in dead_letters(tmp_path)}
    assert letters["missing_user_id"]["user_id"] == [""]
    assert letters["duplicate_user_id"]["campaign"] == "sunday"


def test_the_day_again_gives_identical_records(tmp_path: Path) -> None:
    rows = [row(f"user-{number}", scores=[number / 7, -number / 3, 0.0]) for number in range(20)]
    store_day(rows, tmp_path)
    first = records(tmp_path, 20)
    store_day(rows[::-1], tmp_path)
    assert records(tmp_path, 20) == first


def test_another_use_case_does_not_overwrite_rankings(tmp_path: Path) -> None:
    rows = [row(f"user-{number}") for number in range(20)]
    store_day(rows, tmp_path)
    before = records(tmp_path, 20)
    assert {record["use_case"] for record in before.values()} == {"newsletter"}
    with pytest.raises(StoreError, match="use case newsletter; allowed: those of homepage"):
        store_day(rows, tmp_path, stamp=dataclasses.replace(STAMP, use_case="homepage"))
    assert records(tmp_path, 20) == before


def test_nothing_is_written_where_too_many_rows_are_refused(tmp_path: Path) -> None:
    store_day([row("user-0")], tmp_path)
    before = records(tmp_path, 1)
    rows = [row(f"user-{number}", campaign=[b"sunday"]) for number in range(8)]
    counts = store_day([*rows, row("user-8", scores=[float("nan")] * 3)], tmp_path)
    assert counts.refusal(0.1) is not None
    assert records(tmp_path, 1) == before
    assert [letter["reason"] for letter in dead_letters(tmp_path)] == ["score_not_finite"]


def test_no_rows_make_no_store(tmp_path: Path) -> None:
    assert store_day([], tmp_path) == Counts()
    assert not (tmp_path / "rankings.sqlite").exists()


HALFWAY = """
import pathlib, sys
from tests.prediction_storer.prediction_rows import row
from tests.prediction_storer.stored_day import store_day
from components.prediction_storer import sqlite_writer
from serving.stores.sqlite import SQLiteStore

class Stops(SQLiteStore):
    calls = 0
    def put_rows(self, rows):
        Stops.calls += 1
        if Stops.calls == 6:
            print("halfway", flush=True)
            sys.stdin.read()  # until killed
        super().put_rows(rows)

sqlite_writer.SQLiteStore = Stops
sqlite_writer._ROWS_PER_TRANSACTION = 20
store_day([row(f"user-{number}") for number in range(200)], pathlib.Path(sys.argv[1]), rows_per_file=200)
"""


@pytest.mark.slow
def test_killed_halfway_and_run_again(tmp_path: Path) -> None:
    step = subprocess.Popen(
        [sys.executable, "-c", HALFWAY, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with step:
        assert step.stdout is not None
        assert step.stdout.readline() == "halfway\n"
        step.kill()
    assert len(records(tmp_path, 200)) == 100

    rows = [row(f"user-{number}") for number in range(200)]
    assert store_day(rows, tmp_path) == Counts(200, first_expiry=EXPIRES_AT.isoformat())
    assert records(tmp_path, 200) == {
        f"user-{number}": {**records(tmp_path, 200)["user-0"], "user_id": f"user-{number}"}
        for number in range(200)
    }


def test_duplicates_are_found_wherever_they_are(tmp_path: Path) -> None:
    # In one file, in several, three of one user, two that are the same to the letter; two expire at another
    # time.
    rows = [row(f"user-{number}") for number in range(40)]
    rows += [row("user-1", campaign=[b"sunday"], expires_after_days=[1]), row("user-39", campaign=[b"a"])]
    rows += [row("user-20"), row("user-20", campaign=[b"zebra"]), row("user-2", campaign=[b"zebra"])]
    counts = store_day(rows, tmp_path, max_rejected_share=0.2)
    assert counts == Counts(40, {"duplicate_user_id": 5}, EXPIRES_AT.isoformat())
    stored = records(tmp_path, 40)
    assert stored["user-39"]["campaign"] == "a"
    assert {stored[f"user-{number}"]["campaign"] for number in range(39)} == {"monday"}
    refused = sorted(
        (letter["row"]["user_id"], letter["row"]["campaign"]) for letter in dead_letters(tmp_path)
    )
    assert refused == [
        ("user-1", "sunday"),
        ("user-2", "zebra"),
        ("user-20", "monday"),
        ("user-20", "zebra"),
        ("user-39", "monday"),
    ]


def test_users_that_share_a_hash_are_no_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        transforms, "user_hashes", lambda checked: np.arange(checked.num_rows, dtype=np.uint64) // 3
    )
    rows = [row(f"user-{number}") for number in range(30)]
    assert store_day(rows, tmp_path) == Counts(30, first_expiry=EXPIRES_AT.isoformat())
    assert len(records(tmp_path, 30)) == 30
