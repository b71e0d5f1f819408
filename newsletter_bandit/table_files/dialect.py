"""The header of a CSV file: its delimiter and its columns' names."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from newsletter_bandit.errors import DataError
from newsletter_bandit.table_files.cells import BLANKS

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_HEADER_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Header:
    """A CSV's first line.

    Attributes:
      delimiter: one of `DELIMITERS`.
      names: the columns' names, each different; one that nobody asked for may have been renamed.
      unnamed: numbers of the columns without a name, from 1.
    """

    delimiter: str
    names: tuple[str, ...]
    unnamed: tuple[int, ...]


def header_of(
    path: Path, asked: Collection[str], delimiter: str | None = None, codec: str = "utf-8-sig"
) -> Header:
    """The header, by the delimiter that leaves the fewest names unknown, and of these gives the most columns.

    Blanks around a name do not count. A column that nobody asked for may have any name, a repeated one or
    none, as pandas writes its index.

    Args:
      path: the CSV file, gzip where its name ends with `.gz`.
      asked: names of the columns that are needed.
      delimiter: one of `DELIMITERS`, if it is known; then it is not looked for.
      codec: Python's name of the encoding.

    Raises:
      DataError: there is no header, or a name that was asked for stands in it twice.
    """
    start = _start(path, codec)
    tried = DELIMITERS if delimiter is None else [delimiter]
    headers = {each: _split(start, each, asked) for each in tried}
    # The first of equals: a comma, where nothing speaks against it.
    delimiter = min(headers, key=lambda each: (len(set(asked) - set(headers[each])), -len(headers[each])))
    names = headers[delimiter]
    if not any(names):
        raise DataError(f"{path}: empty; allowed: a line of column names, then one line per row")
    lowered = [name.lower() for name in names]
    wanted = {name.lower() for name in asked}
    repeated = sorted({name for name in names if lowered.count(name.lower()) > 1 and name.lower() in wanted})
    if repeated:
        raise DataError(
            f"{path}: column {', '.join(repeated)} stands twice in the header; allowed: once, in either case"
        )
    unnamed = tuple(number for number, name in enumerate(names, start=1) if not name)
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name or name.lower() in seen:
            names[index] = f"{name} (column {index + 1})"
        seen.add(names[index].lower())
    return Header(delimiter, tuple(names), unnamed)


def _start(path: Path, codec: str) -> str:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        # DuckDB reports what is not UTF-8 further down, with its line.
        with opener(path, "rt", encoding=codec, errors="replace", newline="") as lines:
            start = lines.read(_HEADER_CHARACTERS)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the header cannot be read: {error}") from error
    return str(start)


def _split(start: str, delimiter: str, asked: Collection[str]) -> list[str]:
    try:
        names = next(csv.reader(io.StringIO(start), delimiter=delimiter), [])
    except csv.Error:  # no name is as long as the longest that it takes
        return []
    return [name if name in asked else name.strip(BLANKS) for name in names]
