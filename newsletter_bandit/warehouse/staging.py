"""Raw rows beside the table's: read, converted, and each marked with the check that it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.quoting import quoted
from newsletter_bandit.settings.run_day import run_day
from newsletter_bandit.settings.tables import (
    INFERENCE_COLUMNS,
    OPTIONAL_COLUMNS,
    RAW_COLUMNS,
    TRAINING_COLUMNS,
    ColumnSource,
    FromColumn,
    FromConstant,
)
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.table_files.cells import padded, trimmed
from newsletter_bandit.table_files.faults import blanks_removed, unreadable
from newsletter_bandit.table_files.source import TableFile, open_table
from newsletter_bandit.warehouse.checks import Check, checks
from newsletter_bandit.warehouse.columns import (
    ALLOWED,
    DUCKDB_TYPE,
    ROW,
    Column,
    asked,
    column,
    constant,
    plan,
    source_of,
)

Table = Literal["training", "inference", "sends", "clicks", "unsubscribes", "users", "rankings"]
KEY: dict[str, tuple[str, ...]] = {
    "training": ("user_id", "campaign", "sent_at"),
    "inference": ("user_id",),
    "sends": ("send_id",),
    "clicks": ("send_id", "clicked_at"),
    "unsubscribes": ("send_id", "unsubscribed_at"),
    "users": ("user_id", "snapshot_date"),
    "rankings": ("user_id", "campaign", "generated_at"),
}
_CONTRACT = {"training": TRAINING_COLUMNS, "inference": INFERENCE_COLUMNS, **RAW_COLUMNS}
_OPTIONAL = {"eligible_recommenders"}
# A served ranking may provide these two.
_OPTIONAL_IN_SENDS = {"propensity", "policy_version"}
# Columns of the staging table besides the table's own; no column of a table has a space in its name.
ORDINAL, PROBLEM, FOUND = '"ordinal of the row"', '"number of the failed check"', '"value at fault"'
PER_FILE = 1_000_000_000_000  # ordinal = PER_FILE * number of the file + row


@dataclass(frozen=True)
class Staged:
    """What `stage` leaves in temporary tables: `staged`, and `raw_0`, `raw_1`, ... with the files' own rows.

    Attributes:
      rows: rows of all files.
      reasons: the checks, at the numbers by which `PROBLEM` knows them.
      raw: name and DuckDB type of the columns of each raw table.
      sources: the columns that are not the files' column of the same name.
      said: sentences on how the files were read.
    """

    rows: int
    reasons: tuple[Check, ...]
    raw: tuple[dict[str, str], ...]
    sources: Mapping[str, ColumnSource]
    said: tuple[str, ...]

    def at_fault(self, problem: int) -> str:
        """The files' name of the column that a check is about."""
        name = self.reasons[problem].column
        source = self.sources.get(name)
        return source.column if isinstance(source, FromColumn) else name


def check_constants(connection: duckdb.DuckDBPyConnection, use_case: UseCase, table: Table) -> None:
    """Makes sure that each constant under `ingest` fits its column; raises `SettingsError` for one that does
    not.
    """
    types = use_case.table_columns(table)
    for name, source in getattr(use_case.ingest, table).items():
        if isinstance(source, FromConstant):
            made = column(name, types[name], *constant(source), file="ingest")
            ((is_null,),) = connection.execute(
                f"SELECT {made.value} IS NULL FROM (SELECT {made.source} AS {source_of(name)})"
            ).fetchall()
            if is_null and source.constant != "":
                raise SettingsError(
                    f"ingest.{table}.{name}: constant {source.constant!r}; allowed: {ALLOWED[types[name]]}"
                )


def stage(
    connection: duckdb.DuckDBPyConnection, use_case: UseCase, table: Table, files: Sequence[Path]
) -> Staged:
    """Fills `staged`: the converted rows of all files in order, each with the number of the check it
    fails.

    Raises:
      DataError: a file is missing, cannot be read, or lacks a column.
    """
    types, sources = use_case.table_columns(table), getattr(use_case.ingest, table)
    optional = _OPTIONAL | (_OPTIONAL_IN_SENDS if table == "sends" else set())
    definitions = ", ".join(f"{quoted(name)} {DUCKDB_TYPE[type_]}" for name, type_ in types.items())
    connection.execute(
        f"CREATE TEMP TABLE staged ({ORDINAL} BIGINT, {PROBLEM} SMALLINT, {FOUND} VARCHAR, {definitions})"
    )
    needed = asked(types, sources)
    reasons: list[Check] = []
    raw, said = [], []
    for number, path in enumerate(files):
        file = open_table(connection, path, needed)
        columns = plan(types, sources, file.types, str(path), use_case.value_names(), _absent(table))
        names = (*use_case.recommenders, *use_case.renamed)
        reasons = checks(columns, _CONTRACT[table], optional, names)
        _read_raw(connection, file, f"raw_{number}")
        texts = [name for name, type_ in file.types.items() if name in needed and type_ == "VARCHAR"]
        blanks = _padded(connection, number, texts)
        connection.execute(_staging_query(number, columns, reasons, tuple(blanks)))
        raw.append(file.types)
        said += [*file.said, *blanks_removed(path, blanks)]
    reasons.append(_mark_duplicates(connection, table, len(reasons)))
    ((rows,),) = connection.execute("SELECT count(*) FROM staged").fetchall()
    return Staged(int(rows), tuple(reasons), tuple(raw), sources, tuple(said))


def _absent(table: Table) -> dict[str, ColumnSource]:
    """Sources of the columns that a file may lack: a click by nobody knows whom, users as they are today."""
    day = {"snapshot_date": FromConstant(constant=run_day().isoformat())}
    return {name: day.get(name, FromConstant(constant="")) for name in OPTIONAL_COLUMNS.get(table, {})}


def _read_raw(connection: duckdb.DuckDBPyConnection, file: TableFile, name: str) -> None:
    """Makes temporary table `name` of the file's rows in order."""
    columns = ", ".join(quoted(column) for column in file.types)
    try:
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM {file.reader}")
    except duckdb.Error as error:
        raise unreadable(file.path, error) from None


def _padded(connection: duckdb.DuckDBPyConnection, number: int, texts: Sequence[str]) -> dict[str, int]:
    """How many values have blanks around them, of each text column of a raw table that has such values."""
    if not texts:
        return {}
    counts = ", ".join(f"count_if({padded(quoted(name))})" for name in texts)
    (found,) = connection.execute(f"SELECT {counts} FROM raw_{number}").fetchall()
    return {name: rows for name, rows in zip(texts, found, strict=True) if rows}


def _staging_query(
    number: int, columns: Sequence[Column], reasons: Sequence[Check], blanks: Sequence[str]
) -> str:
    # Step by step, so that nothing is computed twice: sources, values, verdict, value at fault. Only columns
    # with blanks are trimmed: it takes long.
    names = ", ".join(quoted(column.name) for column in columns)
    sources = ", ".join(f"{column.source} AS {source_of(column.name)}" for column in columns)
    values = ", ".join(f"{column.value} AS {quoted(column.name)}" for column in columns)
    verdict = " ".join(f"WHEN {check.condition} THEN {i}" for i, check in enumerate(reasons))
    found = " ".join(
        f"WHEN {i} THEN CAST({source_of(check.column)} AS VARCHAR)" for i, check in enumerate(reasons)
    )
    texts = ", ".join(f"{trimmed(quoted(name))} AS {quoted(name)}" for name in blanks)
    query = f"SELECT rowid + 1 AS {ROW}, * {f'REPLACE ({texts})' if texts else ''} FROM raw_{number}"
    query = f"SELECT {ROW}, {sources} FROM ({query})"
    query = f"SELECT *, {values} FROM ({query})"
    query = f"SELECT *, CASE {verdict} END AS {PROBLEM} FROM ({query})"
    return (
        f"INSERT INTO staged ({ORDINAL}, {PROBLEM}, {FOUND}, {names}) "
        f"SELECT {number * PER_FILE} + {ROW}, {PROBLEM}, CASE {PROBLEM} {found} END, {names} FROM ({query})"
    )


def _mark_duplicates(connection: duckdb.DuckDBPyConnection, table: Table, number: int) -> Check:
    """Marks all but the first of the good rows that share a key."""
    key = KEY[table]
    names = ", ".join(key)
    same = " AND ".join(f"staged.{name} = twice.{name}" for name in key)
    connection.execute(
        f"UPDATE staged SET {PROBLEM} = {number}, {FOUND} = staged.{key[0]} FROM ("
        f"SELECT {names}, min({ORDINAL}) AS first_one FROM staged WHERE {PROBLEM} IS NULL "
        f"GROUP BY {names} HAVING count(*) > 1) AS twice "
        f"WHERE {PROBLEM} IS NULL AND {same} AND {ORDINAL} > twice.first_one"
    )
    return Check(key[0], f"a second row of the same {', '.join(key)}", "one row", "FALSE")
