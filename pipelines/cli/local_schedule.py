"""`schedule` for one machine: systemd units and crontab lines, printed or written, but not installed."""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from newsletter_bandit.errors import SettingsError
from pipelines.names import Pipeline
from pipelines.workspace import Workspace

CRONTAB = "crontab"


@dataclass(frozen=True)
class Wishes:
    """Options of `schedule` that hold for one machine; None and False where they were not given.

    Attributes:
      systemd, crontab: what to print; neither means both.
      output: folder to write the files to instead of printing them.
      train_at, predict_at, check_at: times of day, UTC.
      check_wait_minutes: how long the check waits for a job that is running.
      build_table: whether runs build the table that they read first.
    """

    systemd: bool = False
    crontab: bool = False
    output: Path | None = None
    train_at: dt.datetime | None = None
    predict_at: dt.datetime | None = None
    check_at: dt.datetime | None = None
    check_wait_minutes: int = 60
    build_table: bool | None = None

    def refuse(self, environment: str) -> None:
        """Raises `SettingsError` if one was given with an environment that runs on Vertex AI."""
        unset = vars(Wishes())
        given = [f"`{name}`" for name, value in vars(self).items() if value != unset[name]]
        if given:
            raise SettingsError(
                f"{', '.join(given)}: found with the environment {environment}, whose schedules run "
                "on Vertex AI; use it with an environment without `vertex`, such as "
                "configs/environments/local.yaml"
            )


def schedule(
    out: Console,
    workspace: Workspace,
    environment_path: Path,
    pipelines: Sequence[Pipeline],
    wishes: Wishes,
) -> None:
    """Prints or writes what starts the jobs on this machine.

    Raises:
      SettingsError: see `pipelines.local.schedule.jobs` and `pipelines.local.crontab.crontab`; or the folder
        cannot be written.
    """
    from newsletter_bandit.files import write_text
    from pipelines.local.crontab import crontab
    from pipelines.local.schedule import Times, jobs, lock_file
    from pipelines.local.systemd import units

    def at(given: dt.datetime | None, usual: dt.time) -> dt.time:
        return usual if given is None else given.time()

    times = Times(
        train=at(wishes.train_at, Times.train),
        predict=at(wishes.predict_at, Times.predict),
        check=at(wishes.check_at, Times.check),
        check_wait_minutes=wishes.check_wait_minutes,
    )
    planned = jobs(workspace, environment_path, pipelines, times, wishes.build_table)
    lock, both = lock_file(workspace), wishes.systemd == wishes.crontab
    files: dict[str, str] = {}
    if wishes.systemd or both:
        files |= units(planned, workspace.use_case.name, getpass.getuser(), lock)
    if wishes.crontab or both:
        files[CRONTAB] = crontab(planned, lock)
    if wishes.output is None:
        for name, content in files.items():
            title = name if name == CRONTAB else f"/etc/systemd/system/{name}"
            out.print(f"# {title}\n{content}", markup=False, soft_wrap=True)
        return
    for name, content in files.items():
        try:
            write_text(wishes.output / name, content)
        except OSError as error:
            raise SettingsError(
                f"`output`: {wishes.output}: {error.strerror}; use a folder that can be written"
            ) from error
        out.print(f"{wishes.output / name}", markup=False, soft_wrap=True)
