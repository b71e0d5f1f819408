"""Jobs as systemd units: one service and one timer each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.local.schedule import Job

FLOCK = "/usr/bin/flock"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def units(jobs: Sequence[Job], use_case: str, user: str, lock: Path) -> dict[str, str]:
    """File name -> content of each unit, for the system's manager.

    Args:
      jobs: what to run.
      use_case: its name is part of the units' names.
      user: account that the commands run as.
      lock: file whose lock a command waits for, so that only one of them runs at a time.
    """
    made = {}
    for job in jobs:
        name = f"newsletter-bandit-{use_case}-{job.name}"
        made[f"{name}.service"] = _service(job, user, lock)
        made[f"{name}.timer"] = _timer(job)
    return made


def _service(job: Job, user: str, lock: Path) -> str:
    condition = None if job.weeks is None else job.weeks.condition
    lines = [
        "[Unit]",
        f"Description={job.words.replace('%', '%%')}",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={user}",
        # Skips the start, and is no failure.
        *([f"ExecCondition=/bin/sh -c {_quoted(condition)}"] if condition else []),
        f"ExecStart={' '.join(map(_quoted, (FLOCK, *job.lock_options, str(lock), *job.command)))}",
        *([f"SuccessExitStatus={' '.join(map(str, job.good))}"] if job.good else []),
    ]
    return "\n".join(lines) + "\n"


def _timer(job: Job) -> str:
    day = "*-*-*" if job.weeks is None else f"{_DAYS[job.weeks.weekday]} *-*-*"
    lines = [
        "[Unit]",
        f"Description={job.words.replace('%', '%%')}",
        "",
        "[Timer]",
        f"OnCalendar={day} {job.at:%H:%M}:00 UTC",
        # A start that the machine slept through is made up for.
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    """A word of a command line as a unit holds it; `%` and `$` would be replaced."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = escaped and not any(character in " \t\"'\\;" for character in escaped)
    return escaped if plain else f'"{escaped}"'
