"""A run without --run-date takes the day in UTC, on machines far east and far west of Greenwich too."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

import pipelines.cli.main as cli
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings import run_day as rule
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays, require_not_ahead, run_day
from newsletter_bandit.warehouse.run_date import dated, resolve
from newsletter_bandit.warehouse.tables.build import Plan
from pipelines.cli import cloud_runs, warehouse
from pipelines.cli.options import day_of
from pipelines.names import Pipeline
from pipelines.workspace import Workspace

ROOT = Path(__file__).parents[2]
USE_CASE = load_use_case(ROOT / "configs" / "newsletter.yaml")

# Name and rule of a time zone, a moment, and the day that a machine there would call today. The rules need no
# database of time zones: a C library that does not find one takes UTC without a word, and the test would tell
# nothing.
ZONES = [
    (
        "Pacific/Kiritimati",
        "<+14>-14",
        dt.datetime(2026, 11, 29, 13, 58, tzinfo=dt.UTC),
        dt.date(2026, 11, 30),
    ),
    (
        "America/Los_Angeles",
        "PST8PDT,M3.2.0,M11.1.0",
        dt.datetime(2026, 11, 29, 7, 58, tzinfo=dt.UTC),
        dt.date(2026, 11, 28),
    ),
]
DAY = dt.date(2026, 11, 29)


@pytest.fixture(params=ZONES, ids=[name for name, *_ in ZONES])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in another time zone, where it is not yet, or no longer, November 29 as it is in UTC."""
    _, zone, moment, local_day = request.param

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Clock:
            return cls.fromtimestamp(moment.timestamp(), tz)

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert dt.date.fromtimestamp(moment.timestamp()) == local_day
    monkeypatch.setattr(rule, "dt", SimpleNamespace(datetime=Clock, UTC=dt.UTC))
    yield
    monkeypatch.undo()
    time.tzset()


def workspace(folder: Path, environment: str) -> Workspace:
    found = load_environment(ROOT / "configs" / "environments" / f"{environment}.yaml")
    path = ROOT / "configs" / "newsletter.yaml"
    return Workspace(USE_CASE, path, found.in_workdir(folder, USE_CASE), folder)


def test_every_way_to_a_run_takes_the_same_day(
    elsewhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_day() == DAY
    assert day_of(None) == DAY
    assert resolve("") == DAY
    plan = warehouse.plan(workspace(tmp_path, "local"), None, None, None, None)
    assert plan == Plan.of_day(USE_CASE, DAY)
    checked: list[dt.date] = []
    monkeypatch.setattr(TrainingDays, "of", lambda *given: checked.append(given[1]))
    cloud_runs._require_window(workspace(tmp_path, "vertex"), Pipeline.TRAINING, None)
    assert checked == [DAY]


@pytest.mark.parametrize("command", ["train", "tune", "predict"])
def test_every_command_hands_on_the_same_day(
    command: str, elsewhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(f"pipelines.cli.local_runs.{command}", _keep(found))
    typer.main.get_command(cli.app).main([command, "--workdir", str(tmp_path)], standalone_mode=False)
    (_, _, day, *_) = found
    assert day == DAY


def _keep(found: list[Any]) -> Callable[..., None]:
    def keep(*arguments: Any) -> None:
        found.extend(arguments)

    return keep


def test_a_day_that_is_given_stays(elsewhere: None) -> None:
    assert run_day(dt.date(2026, 1, 2)) == dt.date(2026, 1, 2)
    assert day_of(dt.datetime(2026, 1, 2)) == dt.date(2026, 1, 2)
    assert resolve("2026-01-02") == dt.date(2026, 1, 2)


def test_a_day_in_the_far_future_is_refused(elsewhere: None) -> None:
    require_not_ahead(USE_CASE, dt.date(2026, 12, 30))
    for day in (dt.date(2026, 12, 31), dt.date(2036, 11, 29), dt.date(9999, 12, 30)):
        with pytest.raises(
            SettingsError, match=rf"run date {day}: .* after today, 2026-11-29; allowed: at mo"
        ):
            require_not_ahead(USE_CASE, day)
        with pytest.raises(SettingsError, match=r"\(freshness\.max_days_ahead\)"):
            dated("SELECT 1", USE_CASE, day.isoformat())


def test_a_training_has_one_window() -> None:
    window = USE_CASE.window.latest(DAY, USE_CASE.attribution_days)
    assert TrainingDays.of(USE_CASE, DAY) == TrainingDays(DAY, window)
