"""What the newest load of a table read, took and left out: a small file, of which a report tells later."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from newsletter_bandit import records
from newsletter_bandit.files import files_of, write_text
from newsletter_bandit.records import Fields

FOLDER = "loads"
# Of a load by a step of a pipeline, beside its report.
FILE = "loading.json"


@dataclass(frozen=True)
class Loading:
    """One load of a table.

    Attributes:
      command: that loaded it, "ingest" or "build-tables".
      at: when, such as "2026-11-23 10:15 UTC".
      read: rows that it read.
      taken: rows that the table gained.
      already_there: good rows whose key the table held before.
      left_out: rows that were refused or left out, by reason.
    """

    command: str
    at: str
    read: int
    taken: int
    already_there: int
    left_out: Mapping[str, int]

    @classmethod
    def of(cls, fields: Fields) -> Loading:
        """The load that fields hold; raises `DataError` for a fault."""
        reasons = fields.object("left_out")
        return cls(
            command=fields.text("command"),
            at=fields.text("at"),
            read=fields.whole("read"),
            taken=fields.whole("taken"),
            already_there=fields.whole("already_there"),
            left_out={reason: reasons.whole(reason) for reason in reasons.content},
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


def time_of_loading(now: dt.datetime) -> str:
    """A time as `Loading.at` has it."""
    return f"{now.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def write(workdir: Path, use_case: str, table: str, loading: Loading) -> None:
    """Replaces what is known of the newest load of a table."""
    write_text(_path(workdir, use_case, table), records.to_json(loading.body()))


def newest(workdir: Path, use_case: str, table: str) -> Loading | None:
    """The newest load of a table; None if none was noted. Raises `DataError` if the note is damaged."""
    path = _path(workdir, use_case, table)
    return Loading.of(records.read(str(path))) if os.path.exists(path) else None


def keep(folder: str, loading: Loading) -> None:
    """Writes a load into a step's folder, on this machine or in a bucket."""
    write_text(os.path.join(folder, FILE), records.to_json(loading.body()))


def kept(folder: str) -> Loading | None:
    """The load in a step's folder; None if there is none. Raises `DataError` if it is damaged."""
    path = os.path.join(folder, FILE)
    return Loading.of(records.read(path)) if files_of(path).exists(path) else None


def _path(workdir: Path, use_case: str, table: str) -> Path:
    return workdir / FOLDER / f"{use_case}-{table}.json"
