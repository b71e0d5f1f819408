"""The files of a logged table as DuckDB reads them, and what their columns hold.

Nothing is downloaded. Memory is bounded: what does not fit is spilled to a temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.logged_table.columns import Columns
from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.table_files.cells import NULLS, is_number, nonempty, padded, trimmed
from newsletter_bandit.table_files.faults import names_listed
from newsletter_bandit.table_files.source import open_table

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
}


@dataclass(frozen=True)
class Source:
    """One file, how DuckDB reads it, what its columns hold, and what a person must know of that."""

    path: Path
    reader: str
    types: dict[str, str]
    probabilities: dict[str, str]
    said: tuple[str, ...]

    @classmethod
    def open(cls, path: Path, columns: Columns) -> Source:
        asked = dict.fromkeys([*columns.texts.values(), *columns.numbers.values(), *columns.labels])
        with connect() as connection:
            file = open_table(connection, path, asked)
        probabilities = columns.probability_columns(list(file.types), str(path))
        missing = [name for name in asked if name not in file.types]
        if missing:
            raise DataError(f"{path}: no column {', '.join(missing)}; found: {names_listed(file.types)}")
        for name in (*columns.numbers.values(), *probabilities.values()):
            type_ = file.types[name]
            if not is_number(type_) and type_ not in ("BOOLEAN", "VARCHAR"):
                raise DataError(f"{path}: column {name}: found {type_}; allowed: numbers")
        return cls(path, file.reader, file.types, probabilities, file.said)

    def number(self, column: str) -> str:
        """Expression for the column as DOUBLE."""
        name = quoted(column)
        if self.types[column] != "VARCHAR":
            return f"CAST({name} AS DOUBLE)"
        cell = trimmed(name)
        return f"coalesce(TRY_CAST({cell} AS DOUBLE), CAST(TRY_CAST({cell} AS BOOLEAN) AS DOUBLE))"

    def text(self, column: str) -> str:
        """Expression for the column as VARCHAR without blanks around it; NULL where nothing is left."""
        name = quoted(column)
        return nonempty(name) if self.types[column] == "VARCHAR" else f"CAST({name} AS VARCHAR)"

    def label(self, column: str) -> str:
        """As `text`; NULL also for a text that programs write for an empty cell."""
        cell = self.text(column)
        if self.types[column] != "VARCHAR":
            return cell
        return f"CASE WHEN {cell} NOT IN ({', '.join(map(text, NULLS))}) THEN {cell} END"

    def blanks(self, column: str) -> str:
        """Expression that is true where a text has blanks around it."""
        if self.types[column] != "VARCHAR":
            return "FALSE"
        return f"coalesce({padded(quoted(column))}, FALSE)"

    def cell(self, column: str, row: int) -> str | None:
        """The cell as it is written in the file."""
        with connect() as connection:
            query = f"SELECT CAST({quoted(column)} AS VARCHAR) FROM {self.reader} LIMIT 1 OFFSET {row - 1}"
            found = connection.execute(query).fetchone()
        return None if found is None else found[0]


@contextmanager
def connect() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="logged_table_") as spill:
        connection = duckdb.connect(":memory:", config=_CONFIG | {"temp_directory": spill})
        try:
            connection.execute("SET preserve_insertion_order = true")
            yield connection
        finally:
            connection.close()
