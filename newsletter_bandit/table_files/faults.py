"""What is wrong with a file, in words that hold none of its rows: a row may be long, and personal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb

from newsletter_bandit.errors import DataError

MAX_MESSAGE = 200  # characters of a message of DuckDB's
MAX_FOUND = 60  # characters of a value that was found
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_LONG = re.compile(r"Maximum line size of (\d+) bytes exceeded")


def unreadable(path: Path | str, error: duckdb.Error) -> DataError:
    """The error for a file that DuckDB cannot read; raise it ``from None``: DuckDB's own quotes the line."""
    return DataError(f"{path}: cannot be read: {_words(str(error).strip())}")


def found_text(value: str | None) -> str:
    """A value that was found, quoted, with its middle left out where it is long."""
    if value is None:
        return "nothing"
    return repr(value if len(value) <= MAX_FOUND else f"{value[: MAX_FOUND - 20]}...{value[-10:]}")


def names_listed(names: Collection[str]) -> str:
    """The columns of a file; those beyond `MAX_MESSAGE` characters are counted."""
    shown: list[str] = []
    for name in names:
        if sum(map(len, shown)) + len(name) > MAX_MESSAGE:
            break
        shown.append(name)
    more = len(names) - len(shown)
    return ", ".join([*shown, f"and {more:,} more"] if more else shown) or "no columns"


def blanks_removed(path: Path | str, values: Mapping[str, int]) -> list[str]:
    """A sentence on the blanks that were removed, column -> number of values; none where there were none."""
    counted = [f"{rows:,} of {column}" for column, rows in values.items() if rows]
    if not counted:
        return []
    return [f"{path}: blanks were removed around values: {', '.join(counted)}."]


def _words(message: str) -> str:
    line = _LINE.search(message)
    where = f"line {int(line[1]):,}: " if line else ""
    # Nothing of the file stands before the line, or after the last "Original Line".
    width, long = _WIDTH.search(message), _LONG.search(message)
    if width:
        cells = "cell" if width[2] == "1" else "cells"
        return f"{where}found {width[2]} {cells}; allowed: {width[1]}, as in the header"
    if long:
        return f"{where}longer than {int(long[1]):,} bytes; allowed: shorter lines, each text's quotes closed"
    if "Invalid unicode" in message:
        return (
            f"{where}not UTF-8; if a program of Windows wrote it, `ingest.format.encoding: windows-1252` of "
            "the use case reads it, or write it as UTF-8"
        )
    if "quote" in message and line:
        return f'{where}a quoted text does not end, or goes on after its quote; allowed: "" for a quote in it'
    if line:
        return f"{where}not as the lines before"
    return message.splitlines()[0][:MAX_MESSAGE]
