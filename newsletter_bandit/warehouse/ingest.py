"""Loads raw CSV or Parquet files into the embedded warehouse, checked row by row, in one transaction."""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.files import filled
from newsletter_bandit.quoting import quoted, quoted_path, text
from newsletter_bandit.settings.tables import INFERENCE_COLUMNS, RAW_COLUMNS, TRAINING_COLUMNS, FromConstant
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.checks import Check, checks
from newsletter_bandit.warehouse.columns import (
    ALLOWED,
    DUCKDB_TYPE,
    ROW,
    Column,
    column,
    constant,
    plan,
    source_of,
)
from newsletter_bandit.warehouse.embedded import columns_of, connect
from newsletter_bandit.warehouse.queries import check_columns

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
_SUFFIXES = (".csv", ".csv.gz", ".parquet")
# Columns of the staging table besides the table's own; no column of a table has a space in its name.
_ORDINAL, _PROBLEM, _FOUND = '"ordinal of the row"', '"number of the failed check"', '"value at fault"'
_FILE = 1_000_000_000_000  # ordinal = _FILE * number of the file + row


@dataclass(frozen=True)
class Refusal:
    """Rows that were refused for one reason, and the first of them (`row` counts from 1, `found` its
    value).
    """

    reason: str
    allowed: str
    rows: int
    file: str
    row: int
    found: str | None

    def __str__(self) -> str:
        found = "nothing" if self.found is None else repr(self.found)
        return (
            f"{self.reason}: {self.rows:,} rows, first {self.file} row {self.row}: found {found}; "
            f"allowed: {self.allowed}"
        )


@dataclass(frozen=True)
class IngestReport:
    """Counts of the rows: loaded, already there, and refused.

    Attributes:
      table: the table as the settings name it.
      read: rows of the files.
      loaded: rows that the table gained.
      already_there: good rows whose key the training table held before; they were left as they were.
      refusals: one entry per reason, most rows first.
      rejects: file of the refused rows, or None if none was asked for.
      seconds: wall clock.
    """

    table: str
    read: int
    loaded: int
    already_there: int
    refusals: tuple[Refusal, ...]
    rejects: Path | None
    seconds: float

    @property
    def rejected(self) -> int:
        """Refused rows."""
        return sum(refusal.rows for refusal in self.refusals)


def ingest(
    warehouse_path: Path | str,
    use_case: UseCase,
    table: Table,
    files: Sequence[Path],
    rejects: Path | None = None,
    replace: bool = False,
) -> IngestReport:
    """Loads files into the use case's training or inference table, or into one of the raw tables they are
    built from.

    A file is CSV (comma, double quotes, UTF-8, one header line; `.csv` or `.csv.gz`) or Parquet. Its columns
    have the table's names, or those under `ingest` of the use case; other columns are left out. An empty cell
    is NULL. A CSV writes a list as `a|b|c`. An empty `eligible_recommenders` means that all are eligible.

    A table grows. A row whose key (`KEY`) is already there stays as it is, so the same file can be ingested
    twice. Only the inference table is emptied and refilled.

    Args:
      warehouse_path: the DuckDB file; made if it is missing.
      use_case: tables, features, recommenders and sources of columns.
      table: which of the tables.
      files: read in this order.
      rejects: JSON lines of the refused rows, one object each: `file`, `row` (from 1), `reason`, `found`,
        `allowed` and `values`, the raw row. It is replaced by each call.
      replace: empties the table first.

    Raises:
      SettingsError: a constant under `ingest` does not fit its column.
      DataError: a file or column is missing or cannot be read, the table has other columns, or no row is
        left. The table is then as it was.
    """
    started = time.perf_counter()
    if not files:
        raise DataError("no file to ingest; allowed: one or more CSV or Parquet files")
    check_columns(use_case)
    name = use_case.table_name(table)
    replace = replace or table == "inference"
    with connect(warehouse_path, read_only=False) as connection:
        _check_constants(connection, use_case, table)
        reasons = _stage(connection, use_case, table, files)
        reasons.append(_mark_duplicates(connection, table, len(reasons)))
        refusals = _refusals(connection, reasons, files)
        if rejects is not None:
            _write_rejects(connection, reasons, files, rejects)
        read, good = _counts(connection)
        if not good:
            kept = f"; the refused rows are in {rejects}" if rejects is not None and refusals else ""
            listed = "".join(f"\n  {refusal}" for refusal in refusals)
            raise DataError(
                f"{name}: none of {read:,} rows can be used; the table stays as it was{kept}{listed}"
            )
        loaded = _load(connection, name, use_case.table_columns(table), KEY[table], replace)
    return IngestReport(
        table=name,
        read=read,
        loaded=loaded,
        already_there=good - loaded,
        refusals=refusals,
        rejects=rejects,
        seconds=time.perf_counter() - started,
    )


# --- reading ------------------------------------------------------------------------------------------------


def _check_constants(connection: duckdb.DuckDBPyConnection, use_case: UseCase, table: Table) -> None:
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


def _stage(
    connection: duckdb.DuckDBPyConnection, use_case: UseCase, table: Table, files: Sequence[Path]
) -> list[Check]:
    """Fills `staged`: the converted rows of all files in order, each with the number of the check it
    fails.
    """
    types = use_case.table_columns(table)
    optional = _OPTIONAL | (_OPTIONAL_IN_SENDS if table == "sends" else set())
    definitions = ", ".join(f"{quoted(name)} {DUCKDB_TYPE[type_]}" for name, type_ in types.items())
    connection.execute(
        f"CREATE TEMP TABLE staged ({_ORDINAL} BIGINT, {_PROBLEM} SMALLINT, {_FOUND} VARCHAR, {definitions})"
    )
    reasons: list[Check] = []
    for number, file in enumerate(files):
        _read_raw(connection, file, f"raw_{number}")
        described = connection.execute(f"DESCRIBE raw_{number}").fetchall()
        raw = {str(row[0]): str(row[1]) for row in described}
        columns = plan(types, getattr(use_case.ingest, table), raw, str(file))
        reasons = checks(columns, _CONTRACT[table], optional, use_case.recommenders)
        connection.execute(_staging_query(number, columns, reasons))
    return reasons


def _staging_query(number: int, columns: Sequence[Column], reasons: Sequence[Check]) -> str:
    # Step by step, so that nothing is computed twice: sources, values, verdict, value at fault.
    names = ", ".join(quoted(column.name) for column in columns)
    sources = ", ".join(f"{column.source} AS {source_of(column.name)}" for column in columns)
    values = ", ".join(f"{column.value} AS {quoted(column.name)}" for column in columns)
    verdict = " ".join(f"WHEN {check.condition} THEN {i}" for i, check in enumerate(reasons))
    found = " ".join(
        f"WHEN {i} THEN CAST({source_of(check.column)} AS VARCHAR)" for i, check in enumerate(reasons)
    )
    query = f"SELECT rowid + 1 AS {ROW}, * FROM raw_{number}"
    query = f"SELECT {ROW}, {sources} FROM ({query})"
    query = f"SELECT *, {values} FROM ({query})"
    query = f"SELECT *, CASE {verdict} END AS {_PROBLEM} FROM ({query})"
    return (
        f"INSERT INTO staged ({_ORDINAL}, {_PROBLEM}, {_FOUND}, {names}) "
        f"SELECT {number * _FILE} + {ROW}, {_PROBLEM}, CASE {_PROBLEM} {found} END, {names} FROM ({query})"
    )


def _read_raw(connection: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    """Makes temporary table `name` of the file's rows in order; a CSV's columns are all VARCHAR."""
    if not file.is_file():
        raise DataError(f"{file}: no such file")
    if not file.name.lower().endswith(_SUFFIXES):
        raise DataError(f"{file}: found {file.suffix or 'no suffix'}; allowed: {', '.join(_SUFFIXES)}")
    path = quoted_path(file)
    if file.name.lower().endswith(".parquet"):
        reader = f"read_parquet({path})"
    else:
        columns = ", ".join(f"{text(header)}: 'VARCHAR'" for header in _header(file))
        reader = (
            f"read_csv({path}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
            f"columns = {{{columns}}})"
        )
    try:
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {reader}")
    except duckdb.Error as error:
        lines = str(error).strip().splitlines()
        told = [line for line in lines[:4] if not line.startswith("Possible")]
        raise DataError(f"{file}: cannot be read; nothing was loaded: {'; '.join(told)}") from error


def _header(file: Path) -> list[str]:
    opener = gzip.open if file.name.lower().endswith(".gz") else open
    try:
        # DuckDB reports what is not UTF-8 further down, with its line.
        with opener(file, "rt", encoding="utf-8-sig", errors="replace", newline="") as lines:
            header = next(csv.reader(lines), [])
    except (OSError, EOFError, csv.Error) as error:
        raise DataError(f"{file}: the header cannot be read: {error}") from error
    if not header:
        raise DataError(f"{file}: empty; allowed: a line of column names, then one line per row")
    lowered = [name.lower() for name in header]
    repeated = sorted({name for name in header if lowered.count(name.lower()) > 1 or not name})
    if repeated:
        raise DataError(
            f"{file}: column names {', '.join(map(repr, repeated))}; allowed: each name once (case does not "
            "count), none empty"
        )
    return header


# --- judging ------------------------------------------------------------------------------------------------


def _mark_duplicates(connection: duckdb.DuckDBPyConnection, table: Table, number: int) -> Check:
    """Marks all but the first of the good rows that share a key."""
    key = KEY[table]
    names = ", ".join(key)
    same = " AND ".join(f"staged.{name} = twice.{name}" for name in key)
    connection.execute(
        f"UPDATE staged SET {_PROBLEM} = {number}, {_FOUND} = staged.{key[0]} FROM ("
        f"SELECT {names}, min({_ORDINAL}) AS first_one FROM staged WHERE {_PROBLEM} IS NULL "
        f"GROUP BY {names} HAVING count(*) > 1) AS twice "
        f"WHERE {_PROBLEM} IS NULL AND {same} AND {_ORDINAL} > twice.first_one"
    )
    return Check(key[0], f"a second row of the same {', '.join(key)}", "one row", "FALSE")


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    ((read, good),) = connection.execute(
        f"SELECT count(*), count(*) FILTER ({_PROBLEM} IS NULL) FROM staged"
    ).fetchall()
    return int(read), int(good)


def _refusals(
    connection: duckdb.DuckDBPyConnection, reasons: Sequence[Check], files: Sequence[Path]
) -> tuple[Refusal, ...]:
    groups = connection.execute(
        f"SELECT {_PROBLEM}, count(*), min({_ORDINAL}), arg_min_null({_FOUND}, {_ORDINAL}) FROM staged "
        f"WHERE {_PROBLEM} IS NOT NULL GROUP BY {_PROBLEM} ORDER BY count(*) DESC, {_PROBLEM}"
    ).fetchall()
    return tuple(
        Refusal(
            reason=reasons[problem].reason,
            allowed=reasons[problem].allowed,
            rows=rows,
            file=str(files[first // _FILE]),
            row=first % _FILE,
            found=found,
        )
        for problem, rows, first, found in groups
    )


def _write_rejects(
    connection: duckdb.DuckDBPyConnection, reasons: Sequence[Check], files: Sequence[Path], rejects: Path
) -> None:
    """Replaces the rejects file as a whole."""
    rejects.parent.mkdir(parents=True, exist_ok=True)
    with filled(rejects) as temporary, temporary.open("w", encoding="utf-8") as lines:
        for number, file in enumerate(files):
            connection.execute(
                f"SELECT {_ORDINAL} % {_FILE}, {_PROBLEM}, {_FOUND}, to_json(raw) FROM staged "
                f"JOIN raw_{number} AS raw ON raw.rowid = {_ORDINAL} - {number * _FILE} - 1 "
                f"WHERE {_PROBLEM} IS NOT NULL AND {_ORDINAL} // {_FILE} = {number} ORDER BY {_ORDINAL}"
            )
            while rows := connection.fetchmany(10_000):
                for row, problem, found, values in rows:
                    check = reasons[problem]
                    refused = {
                        "file": str(file),
                        "row": row,
                        "reason": check.reason,
                        "found": found,
                        "allowed": check.allowed,
                        # NaN is not JSON.
                        "values": json.loads(values, parse_constant=str),
                    }
                    lines.write(json.dumps(refused, ensure_ascii=False) + "\n")


# --- loading ------------------------------------------------------------------------------------------------


def _load(
    connection: duckdb.DuckDBPyConnection, name: str, types: dict[str, str], key: Sequence[str], replace: bool
) -> int:
    """Moves the good rows into the table, in one transaction; returns how many."""
    schema, _, table = name.rpartition(".")
    schema = schema or "main"
    ((database,),) = connection.execute("SELECT current_database()").fetchall()
    # Three parts, because a schema with the file's name would be ambiguous.
    target = ".".join(quoted(part) for part in (database, schema, table))
    there = columns_of(connection, schema, table)
    if there and not replace:
        _check_table(name, there, types)
    names = ", ".join(quoted(column) for column in types)
    definitions = ", ".join(f"{quoted(column)} {DUCKDB_TYPE[type_]}" for column, type_ in types.items())
    same = " AND ".join(f"target.{column} = staged.{column}" for column in key)
    connection.execute("BEGIN")
    try:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}.{quoted(schema)}")
        if replace or not there:
            connection.execute(f"CREATE OR REPLACE TABLE {target} ({definitions})")
        ((inserted,),) = connection.execute(
            f"INSERT INTO {target} ({names}) SELECT {names} FROM staged WHERE {_PROBLEM} IS NULL "
            f"AND NOT EXISTS (SELECT 1 FROM {target} AS target WHERE {same}) ORDER BY {_ORDINAL}"
        ).fetchall()
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return int(inserted)


def _check_table(name: str, there: dict[str, str], types: dict[str, str]) -> None:
    found = {column.lower(): type_ for column, type_ in there.items()}
    faults = [
        f"{column} ({found.get(column.lower(), 'missing')}, needed {DUCKDB_TYPE[type_]})"
        for column, type_ in types.items()
        if found.get(column.lower()) != DUCKDB_TYPE[type_]
    ]
    if faults:
        raise DataError(
            f"{name}: the table does not fit the use case: {', '.join(faults)}; "
            "ingest all of its files again, replacing the table"
        )
