"""The Beam graph, in process, writing to SQLite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import apache_beam as beam
from prediction_rows import EXPIRES_AT, RECOMMENDERS, STAMP, batch, row

from components.prediction_storer.counts import Counts
from components.prediction_storer.post_process import Row
from components.prediction_storer.transforms import StorePredictions
from pipelines.settings import SQLiteStore as Settings
from serving.stores.sqlite import SQLiteStore


def store_day(rows: list[Row], folder: Path, max_rejected_share: float = 0.1, shards: int = 3) -> Counts:
    """Runs the graph; the store is ``rankings.sqlite`` in ``folder``."""
    graph = StorePredictions(
        recommenders=RECOMMENDERS,
        stamp=STAMP,
        store=Settings(kind="sqlite", path=str(folder / "rankings.sqlite")),
        max_rejected_share=max_rejected_share,
        dead_letters=str(folder / "dead_letters.jsonl"),
        counts=str(folder / "counts.json"),
        shards=shards,
    )
    with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        batches = [batch(rows[start : start + 7]) for start in range(0, len(rows), 7)]
        _ = pipeline | beam.Create(batches) | graph
    return Counts.from_json((folder / "counts.json").read_text())


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
from prediction_rows import row
from test_store_predictions import store_day
from components.prediction_storer import sqlite_writer
from serving.stores.sqlite import SQLiteStore

class Stops(SQLiteStore):
    calls = 0
    def put_many(self, rankings):
        Stops.calls += 1
        if Stops.calls == 6:
            print("halfway", flush=True)
            sys.stdin.read()  # until killed
        super().put_many(rankings)

sqlite_writer.SQLiteStore = Stops
sqlite_writer._ROWS_PER_TRANSACTION = 20
store_day([row(f"user-{number}") for number in range(200)], pathlib.Path(sys.argv[1]), shards=1)
"""


def test_killed_halfway_and_run_again(tmp_path: Path) -> None:
    step = subprocess.Popen(
        [sys.executable, "-c", HALFWAY, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
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
