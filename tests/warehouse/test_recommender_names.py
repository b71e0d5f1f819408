"""A recommender's name, whatever can be printed, from the file through every query to the figures."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.warehouse.arms import arm_summary
from newsletter_bandit.warehouse.embedded import read_batches
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.queries import render_training_query
from newsletter_bandit.warehouse.tables.build import Plan, build
from tests.raw_sources import END, START, make_raw_use_case

NAMES = ("Für dich – 50% off", 'Today\'s "picks" \\ more; --', "おすすめ")
FEATURES = {"colour": "red", "height": "1", "joined": "2023-12-31", "member": "1"}


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.DictWriter(file, list(rows[0]))
        lines.writeheader()
        lines.writerows(rows)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_it_survives_files_tables_and_queries(tmp_path: Path, name: str) -> None:
    use_case = make_raw_use_case(recommenders=[name, "b"], default_ranking=[name])
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    send = {
        "send_id": "s1",
        "user_id": "u1",
        "sent_at": "2024-01-09 08:00:00",
        "campaign": "c1",
        "recommender": name,
        "propensity": "0.5",
        "policy_version": "p1",
        "eligible_recommenders": f"{name}|b",
    }
    files = {
        "sends": [send],
        "clicks": [{"send_id": "s1", "clicked_at": "2024-01-09 09:00:00"}],
        "unsubscribes": [{"send_id": "s1", "unsubscribed_at": "2024-01-13 09:00:00"}],
        "users": [{"user_id": "u1", "snapshot_date": "2024-01-08", "eligible_recommenders": name} | FEATURES],
        "rankings": [
            {
                "user_id": "u1",
                "campaign": "c0",
                "generated_at": "2024-01-08",
                "recommenders": f"{name}|b",
                "propensities": "0.5|1",
                "model_version": "m1",
            }
        ],
    }
    for table, rows in files.items():
        file = write(tmp_path / f"{table}.csv", rows)
        assert ingest(warehouse.path, use_case, table, [file]).rejected == 0  # type: ignore[arg-type]
    build(warehouse, use_case, Plan(START, END, dt.date(2024, 1, 10)))
    (row,) = next(
        read_batches(warehouse.path, render_training_query(use_case, warehouse, START, END))
    ).to_pylist()
    assert (row["recommender"], row["eligible_recommenders"], row["clicked"]) == (name, [name, "b"], 1)
    arms = arm_summary(warehouse, use_case, START, END)
    assert [(arm.recommender, arm.newsletters) for arm in arms] == [(name, 1), ("b", 0)]
