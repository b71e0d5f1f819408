"""How far a run has come, for whoever looks at the work folder while it goes on.

    runs/<pipeline>-<start>.running    one line of JSON per event, such as {"step": "Trainer", ...}

The run holds a lock on the file, and removes it once its record is there. A file that nobody has locked is of
a run that was killed; the next run of its pipeline removes it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from pipelines.events import OnEvent, StepEvent
from pipelines.local.run_record import FOLDER

_TIME = "%Y%m%dT%H%M%S.%fZ"
_FILE = re.compile(r"(?P<pipeline>.+)-(?P<time>\d{8}T\d{6}\.\d{6}Z)\.running")


@dataclass(frozen=True)
class Stage:
    """One step of a run that goes on: its state, since when, UTC, and a phrase on what it made."""

    step: str
    state: str
    since: dt.datetime
    detail: str


@dataclass(frozen=True)
class Progress:
    """A run that has no record yet.

    Attributes:
      pipeline: name of the pipeline.
      started: UTC.
      alive: it goes on; False if it was killed.
      stages: steps that have begun, in their order, each in its newest state.
    """

    pipeline: str
    started: dt.datetime
    alive: bool
    stages: tuple[Stage, ...]


@contextlib.contextmanager
def shown(workdir: Path, pipeline: str, started: dt.datetime, on_event: OnEvent) -> Iterator[OnEvent]:
    """What to call in the place of ``on_event``: it also shows the events in the work folder, while the block
    lasts.

    Args:
      workdir: the work folder.
      pipeline: name of the pipeline.
      started: start of the run, UTC.
      on_event: called with each event.
    """
    for found, path in _files(workdir):
        if found["pipeline"] == pipeline and not _locked(path):
            path.unlink(missing_ok=True)
    path = workdir / FOLDER / f"{pipeline}-{started.strftime(_TIME)}.running"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def note(event: StepEvent) -> None:
            now = dt.datetime.now(dt.UTC).isoformat()
            line = {"step": event.step, "state": event.state, "at": now, "detail": event.detail}
            file.write(json.dumps(line) + "\n")
            file.flush()
            on_event(event)

        try:
            yield note
        finally:
            path.unlink(missing_ok=True)


def under_way(workdir: Path) -> list[Progress]:
    """The runs of a work folder that have no record yet, the newest first.

    A run that ends meanwhile is left out.

    Raises:
      DataError: a file is damaged.
    """
    runs = []
    for found, path in _files(workdir):
        alive = _locked(path)
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            continue
        started = dt.datetime.strptime(found["time"], _TIME).replace(tzinfo=dt.UTC)
        # The last one is empty, or not written to its end.
        stages = {stage.step: stage for stage in (_stage(line, path) for line in lines[:-1])}
        runs.append(Progress(found["pipeline"], started, alive, tuple(stages.values())))
    return sorted(runs, key=lambda run: run.started, reverse=True)


def _files(workdir: Path) -> Iterator[tuple[re.Match[str], Path]]:
    for path in (workdir / FOLDER).glob("*.running"):
        found = _FILE.fullmatch(path.name)
        if found is not None:
            yield found, path


def _locked(path: Path) -> bool:
    """Somebody holds the file's lock."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _stage(line: bytes, path: Path) -> Stage:
    fields = records.parse(line, str(path))
    try:
        since = dt.datetime.fromisoformat(fields.text("at"))
    except ValueError:
        raise DataError(f"{path}: at is {fields.text('at')!r}; allowed: a time") from None
    return Stage(fields.text("step"), fields.text("state"), since, fields.text("detail"))
