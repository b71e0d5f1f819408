from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.warehouse.queries import (
    inference_query,
    render_inference_query,
    render_training_query,
    training_query,
)
from newsletter_bandit.warehouse.run_date import dated, resolve

USE_CASE = load_use_case(Path(__file__).parents[2] / "configs" / "newsletter.yaml")
WAREHOUSE = DuckDBWarehouse(kind="duckdb", path="warehouse.duckdb")


def test_marks_become_the_window_of_the_day() -> None:
    found = dated(training_query(USE_CASE, WAREHOUSE), USE_CASE, "2026-11-23")
    start, end = USE_CASE.window.latest(dt.date(2026, 11, 23), USE_CASE.attribution_days)
    assert found.query == render_training_query(USE_CASE, WAREHOUSE, start, end)
    assert found.properties == {
        "run_date": "2026-11-23",
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
    }


def test_marks_become_the_day() -> None:
    found = dated(inference_query(USE_CASE, WAREHOUSE), USE_CASE, "2026-11-23")
    assert found.query == render_inference_query(USE_CASE, WAREHOUSE, dt.date(2026, 11, 23))
    assert found.properties == {"run_date": "2026-11-23"}
    assert "@" not in found.query


def test_no_day_is_the_day_of_the_run() -> None:
    before = dt.datetime.now(dt.UTC).date()
    found = resolve("")
    assert before <= found <= dt.datetime.now(dt.UTC).date()


def test_a_query_with_its_own_dates_stays() -> None:
    query = "SELECT 1 -- 2026-01-01"
    assert dated(query, USE_CASE, "2020-01-01").query == query


@pytest.mark.parametrize("found", ["23.11.2026", "2026-02-30", "today", "2026-11-23T00:00"])
def test_another_text_is_refused(found: str) -> None:
    with pytest.raises(SettingsError, match=f"run_date: found '{found}'; allowed: YYYY-MM-DD"):
        resolve(found)


def test_a_day_before_the_first_window_is_refused() -> None:
    with pytest.raises(SettingsError, match="run date 2026-01-20"):
        dated(training_query(USE_CASE, WAREHOUSE), USE_CASE, "2026-01-20")
