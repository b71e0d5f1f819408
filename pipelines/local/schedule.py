"""The jobs that keep a use case going on this machine: which command starts when, and when it is skipped."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.warehouse.ages import reading
from pipelines.names import Pipeline
from pipelines.workspace import Workspace

_EPOCH = dt.date(1970, 1, 1)
_WEEK = 7
# Exit code of a training whose verdict keeps production as it is.
_NOT_IN_PRODUCTION = 3
# Exit code of a check that has waited in vain; of flock's own, and none of this program's.
WAITED = 75


@dataclass(frozen=True)
class Times:
    """When the jobs start.

    Attributes:
      train, predict, check: times of day, UTC.
      check_wait_minutes: how long the check waits for a job that is running.
    """

    train: dt.time = dt.time(3, 0)
    predict: dt.time = dt.time(5, 0)
    check: dt.time = dt.time(7, 0)
    check_wait_minutes: int = 60


@dataclass(frozen=True)
class Weeks:
    """The weeks in which a weekly job runs: the first of each cycle.

    Attributes:
      weekday: day of the week on which it starts, Monday 0.
      days: length of a cycle, a multiple of 7; 7 runs in every week.
      phase: days from 1970-01-01 to the first day of a cycle, modulo ``days``.
    """

    weekday: int
    days: int
    phase: int

    @classmethod
    def of_windows(cls, workspace: Workspace) -> Weeks:
        """One run per training window, in the week that begins on the day on which the window is complete.

        A start that comes late, because the machine was off, is still in that week.
        """
        window = workspace.use_case.window
        first = window.anchor + dt.timedelta(weeks=window.weeks, days=workspace.use_case.final_after_days)
        days = _WEEK * (window.weeks - window.overlap_weeks)
        return cls(first.weekday(), days, (first - _EPOCH).days % days)

    @property
    def condition(self) -> str | None:
        """A shell command that fails in the weeks without a run; None where there are none."""
        if self.days == _WEEK:
            return None
        return f"test $(( ($(date -u +%s) / 86400 - {self.phase}) % {self.days} )) -lt {_WEEK}"


@dataclass(frozen=True)
class Job:
    """A command that starts by itself.

    Attributes:
      name: of the command, such as "train".
      words: what it does.
      command: program and arguments, with absolute paths.
      at: time of day, UTC.
      weeks: when it runs; None is daily.
      good: exit codes besides 0 that are no failure.
      wait_minutes: how long it waits for another job to end; None is for ever. A job that hangs must not
        silence the check.
      reports: what it prints is always worth reading.
    """

    name: str
    words: str
    command: tuple[str, ...]
    at: dt.time
    weeks: Weeks | None = None
    good: tuple[int, ...] = ()
    wait_minutes: int | None = None
    reports: bool = False

    @property
    def lock_options(self) -> tuple[str, ...]:
        """Options of flock."""
        if self.wait_minutes is None:
            return ()
        return ("--timeout", str(60 * self.wait_minutes), "--conflict-exit-code", str(WAITED))


def lock_file(workspace: Workspace) -> Path:
    """The file whose lock keeps two jobs of a work folder from running at once."""
    return workspace.workdir.absolute() / "schedule.lock"


def jobs(
    workspace: Workspace,
    environment_path: Path,
    pipelines: Sequence[Pipeline],
    times: Times | None = None,
    build_table: bool | None = None,
) -> list[Job]:
    """The pipelines' commands, and the check of the status after them.

    Args:
      workspace: use case, environment and work folder.
      environment_path: file of the environment.
      pipelines: what to run.
      times: when; by default those of `Times`.
      build_table: whether each run first builds the table that it reads; None means `has_raw_tables`.

    Raises:
      SettingsError: a path holds a character that no crontab or unit can hold.
      UserError: the warehouse cannot be read.
    """
    times = times or Times()
    build = has_raw_tables(workspace) if build_table is None else build_table
    options = [
        *("--use-case", _absolute("--use-case", workspace.use_case_path)),
        *("--environment", _absolute("--environment", environment_path)),
        *("--workdir", _absolute("--workdir", workspace.workdir)),
    ]
    first = ["--build-table"] if build else []

    def command(*words: str) -> tuple[str, ...]:
        return (*program(), *words, *options)

    name = workspace.use_case.name
    made = []
    if Pipeline.TRAINING in pipelines:
        made.append(
            Job(
                "train",
                f"{name}: train on the newest window, and publish if the gate says so",
                command("train", *first),
                times.train,
                Weeks.of_windows(workspace),
                (_NOT_IN_PRODUCTION,),
            )
        )
    if Pipeline.PREDICTION in pipelines:
        made.append(
            Job(
                "predict",
                f"{name}: rank for every {workspace.use_case.words.subject} and store the rankings",
                command("predict", *first),
                times.predict,
            )
        )
    check = command("status", "--quiet")
    wait = times.check_wait_minutes
    return [
        *made,
        Job("status", f"{name}: check the ages", check, times.check, wait_minutes=wait, reports=True),
    ]


def has_raw_tables(workspace: Workspace) -> bool:
    """Whether runs should build their tables: the use case names raw tables, or the embedded warehouse holds
    the raw sends.

    Raises:
      UserError: the warehouse cannot be read.
    """
    use_case, warehouse = workspace.use_case, workspace.environment.warehouse
    if "raw" in use_case.model_fields_set:
        return True
    if not isinstance(warehouse, DuckDBWarehouse):
        return False
    with reading(warehouse, use_case) as engine:
        return engine is not None and engine.columns(use_case.raw.sends) is not None


def program() -> tuple[str, ...]:
    """The command line of this installation, by absolute path."""
    installed = Path(sys.executable).absolute().with_name("newsletter-bandit")
    if installed.is_file():
        return (str(installed),)
    return (str(Path(sys.executable).absolute()), "-m", "pipelines.cli.main")


def _absolute(option: str, path: Path) -> str:
    text = str(path.absolute())
    if not text.isprintable():
        raise SettingsError(f"{option}: found {text!r}; allowed: printable characters")
    return text
