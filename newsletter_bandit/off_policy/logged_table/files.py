"""The files of a logged table as DuckDB reads them.

A CSV's cells are read as text and converted here, so that no cell's type is guessed from its neighbours.
Nothing is downloaded. Memory is bounded: what does not fit is spilled to a temporary folder.
"""

from __future__ import annotations

import csv
import gzip
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.logged_table.columns import Columns
from newsletter_bandit.quoting import quoted, quoted_path, text

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet")
_DELIMITERS = (",", ";", "\t", "|")
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
}
_NUMBER_TYPES = (
    "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One file, how DuckDB reads it, and what its columns hold."""

    path: Path
    reader: str
    types: dict[str, str]
    probabilities: dict[str, str]

    @classmethod
    def open(cls, path: Path, columns: Columns) -> Source:
        reader = _reader(path, columns)
        with connect() as connection:
            try:
                described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
            except duckdb.Error as error:
                raise unreadable(str(path), error) from error
        types = {str(row[0]): str(row[1]) for row in described}
        probabilities = columns.probability_columns(list(types), str(path))
        numbers = [*columns.numbers.values(), *probabilities.values()]
        asked = dict.fromkeys([*columns.texts.values(), *numbers, *columns.labels])
        missing = [name for name in asked if name not in types]
        if missing:
            raise DataError(f"{path}: no column {', '.join(missing)}; found: {', '.join(types)}")
        for name in numbers:
            if re.sub(r"\(\d+,\d+\)$", "", types[name]) not in (*_NUMBER_TYPES, "VARCHAR"):
                raise DataError(f"{path}: column {name}: found {types[name]}; allowed: numbers")
        return cls(path, reader, types, probabilities)

    def number(self, column: str) -> str:
        """Expression for the column as DOUBLE."""
        name = quoted(column)
        if self.types[column] != "VARCHAR":
            return f"CAST({name} AS DOUBLE)"
        trimmed = f"trim({name})"
        return f"coalesce(TRY_CAST({trimmed} AS DOUBLE), CAST(TRY_CAST({trimmed} AS BOOLEAN) AS DOUBLE))"

    def cell(self, column: str, row: int) -> str | None:
        """Expression for the cell as it is written in the file."""
        with connect() as connection:
            query = f"SELECT CAST({quoted(column)} AS VARCHAR) FROM {self.reader} LIMIT 1 OFFSET {row - 1}"
            found = connection.execute(query).fetchone()
        return None if found is None else found[0]


def _reader(path: Path, columns: Columns) -> str:
    """DuckDB's table function for the file."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; allowed: a CSV or Parquet file")
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise DataError(f"{path}: found {path.suffix or 'no suffix'}; allowed: {', '.join(SUFFIXES)}")
    escaped = quoted_path(path)
    if name.endswith(".parquet"):
        return f"read_parquet({escaped})"
    header, delimiter = _header(path, columns)
    types = ", ".join(f"{text(column)}: 'VARCHAR'" for column in header)
    return (
        f"read_csv({escaped}, auto_detect = false, header = true, delim = {text(delimiter)}, quote = '\"', "
        f"escape = '\"', columns = {{{types}}})"
    )


def _header(path: Path, columns: Columns) -> tuple[list[str], str]:
    """Column names of a CSV, and its delimiter: the first of `_DELIMITERS` that leaves the fewest unknown."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        # DuckDB reports what is not UTF-8 further down, with its line.
        with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as lines:
            first = next(lines, "")
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: the header cannot be read: {error}") from error
    asked = {*columns.texts.values(), *columns.numbers.values(), *columns.labels}
    headers = {delimiter: next(csv.reader([first], delimiter=delimiter), []) for delimiter in _DELIMITERS}
    delimiter = min(_DELIMITERS, key=lambda d: len(asked.difference(headers[d])))
    header = headers[delimiter]
    if not header:
        raise DataError(f"{path}: empty; allowed: a line of column names, then one line per row")
    lowered = [name.lower() for name in header]
    repeated = sorted({name for name in header if lowered.count(name.lower()) > 1 and name in asked})
    if repeated:
        raise DataError(f"{path}: column {', '.join(repeated)} stands twice in the header; allowed: once")
    # Columns that nobody asked for may have any name, even an empty or repeated one, as pandas writes its
    # index.
    seen: set[str] = set()
    for index, name in enumerate(header):
        if not name or name.lower() in seen:
            header[index] = f"{name} (column {index + 1})"
        seen.add(header[index].lower())
    return header, delimiter


@contextmanager
def connect() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="logged_table_") as spill:
        connection = duckdb.connect(":memory:", config=_CONFIG | {"temp_directory": spill})
        try:
            connection.execute("SET preserve_insertion_order = true")
            yield connection
        finally:
            connection.close()


def unreadable(path: str, error: duckdb.Error) -> DataError:
    lines = [line.strip() for line in str(error).strip().splitlines()]
    told = [line for line in lines[:4] if line and not line.startswith("Possible")]
    return DataError(f"{path}: cannot be read: {'; '.join(told)}")
