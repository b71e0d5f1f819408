"""A log as its files hold it: read by the one reader of files, and each column sniffed as text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from newsletter_bandit.errors import DataError
from newsletter_bandit.first_use import patterns
from newsletter_bandit.first_use.facts import Facts, Odd
from newsletter_bandit.first_use.sniffing import (
    NEARLY_ALL,
    Decimal,
    counts_of,
    facts_of,
    formats_of,
    listed,
    numbers_of,
    odd_of,
    time_of,
)
from newsletter_bandit.first_use.words import words_of
from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.table_files.cells import NULLS, Numbers, nonempty
from newsletter_bandit.table_files.encoding import Encoding
from newsletter_bandit.table_files.faults import found_text, names_listed, unreadable
from newsletter_bandit.table_files.repeats import check_different
from newsletter_bandit.table_files.source import TableFile, open_table
from newsletter_bandit.warehouse.columns import EPOCH_UNITS

_TIME_WORDS = frozenset(
    [
        "ts",
        "timestamp",
        "time",
        "date",
        "at",
        "on",
        "epoch",
        "unix",
        "sent",
        "since",
        "zeit",
        "datum",
        "zeitstempel",
    ]
)
_COMPACT_DAY = "%Y%m%d"
# A number since 1970 as `ingest` reads it.
_EPOCH = "regexp_full_match({}, '[0-9]{{9,13}}')"
_CENTURY = (946_684_800, 4_102_444_800)  # seconds from 1970 to 2000 and to 2100
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@dataclass(frozen=True)
class Style:
    """How the files are written, as far as a person said; None is found in the files.

    Attributes:
      delimiter: between the columns of a CSV.
      encoding: of a CSV that is not UTF-8.
      decimal: the sign before decimals.
      month_first: whether a date such as 01/02/2026 begins with the month.
    """

    delimiter: str | None = None
    encoding: Encoding | None = None
    decimal: Decimal | None = None
    month_first: bool | None = None


@dataclass(frozen=True)
class Log:
    """The rows of all files in DuckDB's temporary table `log`, every value a text without blanks around it.

    Attributes:
      connection: holds the table.
      files: as they were given.
      rows: of all files.
      columns: facts of each column in the order of the first file.
      style: what a person said of how they are written.
      numbers: how they write numbers.
      nulls: texts found that stand for an empty cell in every column.
      said: sentences on how the files were read.
      encoding: of files that are neither UTF-8 nor have a mark; None where there is none.
      in_doubt: columns whose dates could begin with the day or the month.
      file_rows: rows of each file.
    """

    connection: duckdb.DuckDBPyConnection
    files: tuple[Path, ...]
    rows: int
    columns: Mapping[str, Facts]
    style: Style
    numbers: Numbers
    nulls: tuple[str, ...]
    said: tuple[str, ...]
    encoding: Encoding | None
    in_doubt: tuple[str, ...]
    file_rows: tuple[int, ...]

    def value(self, column: str) -> str:
        """DuckDB expression for a column's text, NULL where it stands for an empty cell."""
        tokens = (*self.nulls, *self.columns[column].nulls)
        name = quoted(column)
        return f"CASE WHEN {name} NOT IN ({listed(tokens)}) THEN {name} END" if tokens else name

    def time(self, column: str) -> str:
        """DuckDB expression for a column's text as TIMESTAMPTZ in the zone of the connection."""
        value, formats = self.value(column), self.columns[column].formats
        epoch = self.columns[column].epoch
        if epoch:
            since = f"to_timestamp(TRY_CAST({value} AS DOUBLE) / {EPOCH_UNITS[epoch]})"
            return f"CASE WHEN {_EPOCH.format(value)} THEN {since} END"
        return time_of(value, formats)

    def place(self, row: int) -> str:
        """Where a row of all files stands: `row 3`, with its file where there are several."""
        for path, rows in zip(self.files, self.file_rows, strict=True):
            if row <= rows:
                return f"row {row:,}" if len(self.files) == 1 else f"{path.name} row {row:,}"
            row -= rows
        raise IndexError(row)

    def odd(self, column: str, most: int = 3) -> str:
        """The values of a column that it does not read, with their rows: `'31.11.2026' (row 17)`."""
        facts = self.columns[column]
        shown = [
            f"{found_text(each.value)} ({'' if each.rows == 1 else f'{each.rows:,} rows, first '}"
            f"{self.place(each.row)})"
            for each in facts.odd[:most]
        ]
        more = facts.odd_rows - sum(each.rows for each in facts.odd[:most])
        return ", ".join(shown) + (f" and {more:,} more" if more else "")


@contextmanager
def reading(files: Sequence[Path], style: Style | None = None) -> Iterator[Log]:
    """The log of the files, for the time of the block.

    Args:
      files: CSV or Parquet files with the same columns.
      style: what is known of how they are written.

    Raises:
      DataError: a file is missing or cannot be read, two files are the same, they have different columns, or
        there is no row.
    """
    style = style or Style()
    check_different(files)
    with tempfile.TemporaryDirectory() as spill, duckdb.connect(config=_CONFIG) as connection:
        connection.execute(f"SET temp_directory = {text(spill)}")
        connection.execute("SET TimeZone = 'UTC'")
        tables = [
            open_table(connection, path, (), style.delimiter, style.encoding, guess=True) for path in files
        ]
        _check_columns(tables)
        names = [name for name, type_ in tables[0].types.items() if not _nested(type_)]
        file_rows = _fill(connection, tables, names)
        if not sum(file_rows):
            raise DataError(f"{files[0]}: no row; allowed: a line of column names, then one line per send")
        yield _sniffed(connection, tables, names, file_rows, style)


def _check_columns(tables: Sequence[TableFile]) -> None:
    first = tables[0]
    for table in tables[1:]:
        odd = sorted(set(first.types) ^ set(table.types))
        if odd:
            raise DataError(
                f"{table.path}: column {names_listed(odd)} is in this file or in {first.path} alone; "
                "allowed: files of one log, with the same columns. If sends, clicks and users are in "
                "files of their own, load each with `newsletter-bandit ingest` and join them with "
                "`newsletter-bandit "
                'build-tables` (docs/settings.md, "Data of your own")'
            )


def _nested(type_: str) -> bool:
    return type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION", "BLOB"))


def _fill(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[TableFile], names: Sequence[str]
) -> tuple[int, ...]:
    """Makes table `log`; gives the rows of each file."""
    texts = ", ".join(f"{nonempty(f'CAST({quoted(name)} AS VARCHAR)')} AS {quoted(name)}" for name in names)
    rows = []
    for number, table in enumerate(tables):
        how = "INSERT INTO log" if number else "CREATE TEMP TABLE log AS"
        try:
            ((made,),) = connection.execute(f"{how} SELECT {texts} FROM {table.reader}").fetchall()
        except duckdb.Error as error:
            raise unreadable(table.path, error) from None
        rows.append(int(made))
    return tuple(rows)


def _sniffed(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[TableFile],
    names: Sequence[str],
    file_rows: tuple[int, ...],
    style: Style,
) -> Log:
    counts = {name: counts_of(connection, name) for name in names}
    said = [line for table in tables for line in table.said]
    semicolon = any(line.endswith("separated by a semicolon.") for line in said)
    numbers = numbers_of(list(counts.values()), semicolon, style.decimal)
    columns, in_doubt = {}, []
    for name, count in counts.items():
        formats, doubt = formats_of(connection, name, count, style.month_first)
        columns[name] = _as_time(connection, facts_of(connection, name, count, numbers, formats))
        in_doubt += [name] if doubt and columns[name].dated else []
    left_out = [name for name in tables[0].types if name not in names]
    if left_out:
        said.append(f"{tables[0].path}: columns that hold lists are left out: {names_listed(left_out)}.")
    return Log(
        connection=connection,
        files=tuple(table.path for table in tables),
        rows=sum(file_rows),
        file_rows=file_rows,
        columns=columns,
        style=style,
        numbers=numbers,
        nulls=_nulls(connection, [name for name, count in counts.items() if count.nulls]),
        said=tuple(said),
        encoding=_encoding(tables, style),
        in_doubt=tuple(in_doubt),
    )


def _encoding(tables: Sequence[TableFile], style: Style) -> Encoding | None:
    """What `ingest` must be told of the files, which guesses nothing."""
    if style.encoding is not None:
        return style.encoding
    odd = [table.encoding for table in tables if table.encoding in ("windows-1252", "latin-1")]
    return odd[0] if odd else None


def _as_time(connection: duckdb.DuckDBPyConnection, facts: Facts) -> Facts:
    """A time, where the column is named as one and nearly all of it are numbers that are times of this
    century.
    """
    if facts.kind != "number" or not _TIME_WORDS & set(words_of(facts.name)):
        return facts
    name = quoted(facts.name)
    filled = f"{name} NOT IN ({listed((*NULLS, *patterns.TYPED_NULLS))})"

    def others(condition: str) -> tuple[tuple[Odd, ...], int]:
        return odd_of(connection, name, f"{filled} AND NOT coalesce({condition}, FALSE)")

    def few(rows: int) -> bool:
        return rows <= (1.0 - NEARLY_ALL) * facts.filled

    odd, rows = others(f"length({name}) = 8 AND year(try_strptime({name}, {text(_COMPACT_DAY)})) >= 1900")
    if few(rows):
        return replace(facts, kind="day", formats=(_COMPACT_DAY,), odd=odd, odd_rows=rows)
    for unit, parts in EPOCH_UNITS.items():
        low, high = (parts * end for end in _CENTURY)
        _, rows = others(f"{_EPOCH.format(name)} AND TRY_CAST({name} AS DOUBLE) BETWEEN {low} AND {high}")
        if few(rows):
            odd, rows = others(_EPOCH.format(name))
            return replace(facts, kind="time", epoch=unit, zoned=True, odd=odd, odd_rows=rows)
    return facts


def _nulls(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> tuple[str, ...]:
    found: set[str] = set()
    for name in map(quoted, names):
        query = f"SELECT DISTINCT {name} FROM log WHERE {name} IN ({listed(NULLS)})"
        found |= {value for (value,) in connection.execute(query).fetchall()}
    return tuple(token for token in NULLS if token in found)
