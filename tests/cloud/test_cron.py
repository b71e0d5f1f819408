"""Starts of a schedule, and whether each training finds a window of its own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.reading import load_environment, load_use_case
from pipelines.cloud.cron import Cron, training_starts_a_year

CONFIGS = Path(__file__).parents[2] / "configs"
USE_CASE = load_use_case(CONFIGS / "newsletter.yaml")
VERTEX = load_environment(CONFIGS / "environments" / "vertex.yaml").vertex


def a_year(cron: str, overlap_weeks: int = 1) -> float:
    """Trainings per year of a window of four weeks."""
    assert VERTEX is not None
    window = USE_CASE.window.model_copy(update={"overlap_weeks": overlap_weeks})
    return training_starts_a_year(
        VERTEX.model_copy(update={"training_cron": cron}), USE_CASE.model_copy(update={"window": window})
    )


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 3 1,15 * *", ["2026-02-01", "2026-02-15"]),
        ("0 3 */10 * *", ["2026-02-01", "2026-02-11", "2026-02-21"]),
        ("0 3 * * 0", ["2026-02-01", "2026-02-08", "2026-02-15", "2026-02-22"]),
        ("0 3 * * SUN", ["2026-02-01", "2026-02-08", "2026-02-15", "2026-02-22"]),
        ("0 3 * * 7", ["2026-02-01", "2026-02-08", "2026-02-15", "2026-02-22"]),
        ("0 3 3 * MON", ["2026-02-02", "2026-02-03", "2026-02-09", "2026-02-16", "2026-02-23"]),
        ("0 3 3-5 FEB-MAR *", ["2026-02-03", "2026-02-04", "2026-02-05"]),
        ("0 3 1 3 *", []),
    ],
)
def test_days(cron: str, days: list[str]) -> None:
    starts = Cron.parse(cron).starts(dt.date(2026, 2, 1), dt.date(2026, 3, 1), dt.UTC)
    assert [start.date().isoformat() for start in starts] == days


def test_the_shipped_schedule_looks_at_each_window_once() -> None:
    assert VERTEX is not None
    assert training_starts_a_year(VERTEX, USE_CASE) == 12
    # Windows that begin every two weeks suit two trainings a month.
    assert a_year("0 3 1,15 * *", overlap_weeks=2) == 24


@pytest.mark.parametrize("cron", ["0 3 1,15 * *", "0 3 * * MON", "0 3,15 1 * *", "0 3 1-2 * *"])
def test_trainings_on_the_window_of_the_start_before_are_refused(cron: str) -> None:
    with pytest.raises(SettingsError, match=r"training_cron: found .* begins every 3 weeks.*21 days"):
        a_year(cron)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("60 3 1 * *", "found '60'; allowed: 0 to 59"),
        ("0 3 1 * MOO", "found 'MOO'; allowed: 0 to 7, or SUN to SAT"),
        ("0 3 5-1 * *", "found '5-1'"),
        ("0 3 */0 * *", "found '\\*/0'"),
    ],
)
def test_what_is_no_cron_expression_is_named(cron: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"cron expression .*{words}"):
        a_year(cron)


def test_an_unknown_time_zone_is_named() -> None:
    assert VERTEX is not None
    with pytest.raises(SettingsError, match="time_zone: found Mars/Olympus"):
        training_starts_a_year(VERTEX.model_copy(update={"time_zone": "Mars/Olympus"}), USE_CASE)
