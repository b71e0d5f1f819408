"""Reads the log. A torn last line, as a machine that stopped leaves it, is left out and counted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from newsletter_bandit.errors import DataError
from newsletter_bandit.request_log.lines import SUFFIX


@dataclass(frozen=True)
class Line:
    """A line of the log.

    Attributes:
      path: its file.
      number: from 1.
      record: the object that it holds; None for a torn one.
    """

    path: Path
    number: int
    record: dict[str, Any] | None

    def take(self, *names: str) -> tuple[Any, ...]:
        """Fields of the record by their names.

        Raises:
          DataError: one is missing.
        """
        assert self.record is not None
        missing = [name for name in names if name not in self.record]
        if missing:
            raise DataError(
                f"{self.path}: line {self.number}: no field {missing[0]}; found: {', '.join(self.record)}"
            )
        return tuple(self.record[name] for name in names)


def log_files(paths: Sequence[Path]) -> list[Path]:
    """The files of the log, by name: those that are given, and all in a folder that is given.

    Raises:
      DataError: there is none.
    """
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise DataError(
            f"{', '.join(map(str, paths))}: no {SUFFIX} file; allowed: the log of `newsletter-bandit serve "
            "--model`"
        )
    return files


def read(path: Path) -> Iterator[Line]:
    """The lines of a file in their order.

    Raises:
      DataError: the file cannot be read, or another line than a torn last one is no JSON object.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{os.fspath(path)}: cannot be read: {error.strerror}") from error
    with file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                yield Line(path, number, None)
                return
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise DataError(f"{path}: line {number}: not JSON: {error}; take the line away") from None
            if not isinstance(record, dict):
                raise DataError(
                    f"{path}: line {number}: found {type(record).__name__}; allowed: a JSON object"
                )
            yield Line(path, number, record)
