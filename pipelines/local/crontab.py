"""Jobs as lines of a crontab."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from newsletter_bandit.errors import SettingsError
from pipelines.local.schedule import WAITED, Job

# Cron cuts off what is longer.
_MOST_CHARACTERS = 998


def crontab(jobs: Sequence[Job], lock: Path) -> str:
    """The lines, each with a comment; a command prints something only if it should be read.

    Args:
      jobs: what to run.
      lock: file whose lock a command waits for, so that only one of them runs at a time.

    Raises:
      SettingsError: a line is longer than cron takes.
    """
    lines = [
        "# Times are UTC. A cron that does not know CRON_TZ takes them as the machine's own.",
        "CRON_TZ=UTC",
    ]
    for job in jobs:
        # Cron counts days from Sunday, and takes a bare % for the end of the line.
        day = "*" if job.weeks is None else str((job.weeks.weekday + 1) % 7)
        line = f"{job.at.minute} {job.at.hour} * * {day} {_command(job, lock)}".replace("%", r"\%")
        if len(line) > _MOST_CHARACTERS:
            raise SettingsError(
                f"crontab: the line of {job.name} has {len(line)} characters; allowed: {_MOST_CHARACTERS}; "
                "use shorter paths, or --systemd"
            )
        lines += [f"# {job.words}", line]
    return "\n".join(lines) + "\n"


def _command(job: Job, lock: Path) -> str:
    command = shlex.join(("flock", *job.lock_options, str(lock), *job.command))
    if not job.reports:
        # Its output is kept, and shown, which cron sends as a mail, only after a failure.
        output = shlex.quote(str(lock.with_name(f"schedule-{job.name}.txt")))
        good = "|".join(map(str, (0, *job.good)))
        command = f"{command} > {output} 2>&1; case $? in {good}) ;; *) cat {output} ;; esac"
    elif job.wait_minutes is not None:
        words = f"{job.words}: not done, as a job has held {lock} for {job.wait_minutes} minutes"
        command = f"{command}; test $? -ne {WAITED} || echo {shlex.quote(words)}"
    condition = None if job.weeks is None else job.weeks.condition
    return command if condition is None else f"if {condition}; then {command}; fi"
