"""Loads raw CSV or Parquet files into the embedded warehouse, checked row by row, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from newsletter_bandit.errors import DataError
from newsletter_bandit.quoting import quoted
from newsletter_bandit.settings.tables import OPTIONAL_COLUMNS
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.table_files.repeats import check_different
from newsletter_bandit.warehouse.columns import DUCKDB_TYPE, HOLDS
from newsletter_bandit.warehouse.embedded import columns_of, connect
from newsletter_bandit.warehouse.estimate_marks import mark, require_said
from newsletter_bandit.warehouse.queries import check_columns
from newsletter_bandit.warehouse.refusals import Refusal, refusals_of, write_rejects
from newsletter_bandit.warehouse.staging import ORDINAL, PROBLEM, Table, check_constants, key_of, stage

__all__ = ["IngestReport", "Refusal", "Table", "ingest"]


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
      said: sentences on how the files were read: delimiters, columns left out, blanks removed.
      seconds: wall clock.
      changed: rows of `already_there` whose values are not those of the table, which keeps its own.
    """

    table: str
    read: int
    loaded: int
    already_there: int
    refusals: tuple[Refusal, ...]
    rejects: Path | None
    said: tuple[str, ...]
    seconds: float
    changed: int = 0

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

    A file is CSV (UTF-8, double quotes, one header line; `.csv`, `.csv.gz` or `.tsv`) or Parquet; a CSV's
    delimiter is found by its header. Its columns have the table's names, or those under `ingest` of the use
    case; other columns are left out. Blanks around a text are removed. An empty cell is NULL. A CSV writes a
    list as `a|b|c`. An empty `eligible_recommenders` means that all are eligible.

    A table grows. A row whose key (`KEY`) is already there stays as it is, so the same file can be ingested
    twice. Only the inference table is emptied and refilled; of several rows of a user it keeps the newest, by
    `ingest.newest_by` or by `snapshot_date`.

    Args:
      warehouse_path: the DuckDB file; made if it is missing.
      use_case: tables, features, recommenders, sources of columns, and the share of rows that may be refused.
      table: which of the tables.
      files: read in this order.
      rejects: JSON lines of the refused rows, one object each: `file`, `row` (from 1), `reason`, `found`,
        `allowed` and `values`, the raw row. It is replaced by each call.
      replace: empties the table first.

    Raises:
      SettingsError: a constant under `ingest` does not fit its column.
      DataError: a file or column is missing or cannot be read, two files are the same, the table has other
        columns, more rows are refused than `ingest.max_rejected_share`, or no row is left. The table is then
        as it was.
    """
    started = time.perf_counter()
    if not files:
        raise DataError("no file to ingest; allowed: one or more CSV or Parquet files")
    check_columns(use_case)
    check_different(files)
    name = use_case.table_name(table)
    replace = replace or table == "inference"
    with connect(warehouse_path, read_only=False) as connection:
        check_constants(connection, use_case, table)
        if table == "training" and not replace:
            require_said(connection, use_case)
        staged = stage(connection, use_case, table, files)
        refusals = refusals_of(connection, staged, files)
        if rejects is not None:
            write_rejects(connection, staged, files, rejects)
        read = staged.rows
        good = read - staged.older - sum(refusal.rows for refusal in refusals)
        problem = _too_many_refused(read, good + staged.older, use_case.ingest.max_rejected_share)
        if problem is not None:
            kept = f"; the refused rows are in {rejects}" if rejects is not None and refusals else ""
            listed = "".join(f"\n  {line}" for line in (*refusals, *staged.said))
            raise DataError(f"{name}: {problem}; the table stays as it was{kept}{listed}")
        optional = OPTIONAL_COLUMNS.get(table, {})
        said = (*staged.said, *_without_values(connection, use_case, table))
        loaded, changed = _load(connection, use_case, table, replace, optional)
    return IngestReport(
        table=name,
        read=read,
        loaded=loaded,
        already_there=good - loaded,
        refusals=refusals,
        rejects=rejects,
        said=said,
        seconds=time.perf_counter() - started,
        changed=changed,
    )


def _without_values(connection: duckdb.DuckDBPyConnection, use_case: UseCase, table: Table) -> Iterator[str]:
    """Of each term of the reward, how many good rows have no value of it."""
    for name in use_case.reward.outcomes if table == "training" else ():
        ((rows,),) = connection.execute(
            f"SELECT count(*) FROM staged WHERE {PROBLEM} IS NULL AND {quoted(name)} IS NULL"
        ).fetchall()
        if rows:
            yield (
                f"{rows:,} rows have no value of {name}: no training learns from them. If an empty cell "
                f'means 0, set ingest.value_names.{name}: {{"": 0}} and load the file again with --replace.'
            )


def _too_many_refused(read: int, good: int, allowed: float) -> str | None:
    if not good:
        return f"none of {read:,} rows can be used"
    refused = read - good
    if refused <= allowed * read:
        return None
    return (
        f"{refused:,} of {read:,} rows are refused, a share of {refused / read:.4g}; allowed: a share of "
        f"{allowed:g} (ingest.max_rejected_share of the use case)"
    )


def _load(
    connection: duckdb.DuckDBPyConnection,
    use_case: UseCase,
    table_kind: Table,
    replace: bool,
    optional: Collection[str],
) -> tuple[int, int]:
    """Moves the good rows into the table, in one transaction; returns how many, and how many others are there
    with different values. An estimated propensity that another load would estimate otherwise is none.
    """
    name, types, key = (
        use_case.table_name(table_kind),
        use_case.table_columns(table_kind),
        key_of(use_case, table_kind),
    )
    estimated = table_kind == "training" and bool(use_case.ingest.estimated_by)
    schema, _, table = name.rpartition(".")
    schema = schema or "main"
    ((database,),) = connection.execute("SELECT current_database()").fetchall()
    # Three parts, because a schema with the file's name would be ambiguous.
    target = ".".join(quoted(part) for part in (database, schema, table))
    there = columns_of(connection, schema, table)
    lacking = [column for column in optional if there and column not in map(str.lower, there)]
    if there and not replace:
        _check_table(name, there, {column: types[column] for column in types if column not in lacking})
    names = ", ".join(quoted(column) for column in types)
    definitions = ", ".join(f"{quoted(column)} {DUCKDB_TYPE[type_]}" for column, type_ in types.items())
    same = " AND ".join(f"target.{quoted(column)} = staged.{quoted(column)}" for column in key)
    connection.execute("BEGIN")
    try:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}.{quoted(schema)}")
        if replace or not there:
            connection.execute(f"CREATE OR REPLACE TABLE {target} ({definitions})")
        else:
            # A table of an earlier version.
            for column in lacking:
                connection.execute(
                    f"ALTER TABLE {target} ADD COLUMN {quoted(column)} {DUCKDB_TYPE[types[column]]}"
                )
        kept, given = (
            ", ".join(
                f"{side}.{quoted(column)}" for column in types if not (estimated and column == "propensity")
            )
            for side in ("target", "staged")
        )
        ((changed,),) = connection.execute(
            f"SELECT count(*) FROM staged JOIN {target} AS target ON {same} WHERE {PROBLEM} IS NULL "
            f"AND row({given}) IS DISTINCT FROM row({kept})"
        ).fetchall()
        ((inserted,),) = connection.execute(
            f"INSERT INTO {target} ({names}) SELECT {names} FROM staged WHERE {PROBLEM} IS NULL "
            f"AND NOT EXISTS (SELECT 1 FROM {target} AS target WHERE {same}) ORDER BY {ORDINAL}"
        ).fetchall()
        if estimated:
            mark(connection, target, use_case)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return int(inserted), int(changed)


def _check_table(name: str, there: dict[str, str], types: dict[str, str]) -> None:
    found = {column.lower(): type_ for column, type_ in there.items()}
    faults = [
        f"{column} ({_holds(found.get(column.lower()))}, needed {HOLDS[DUCKDB_TYPE[type_]]})"
        for column, type_ in types.items()
        if found.get(column.lower()) != DUCKDB_TYPE[type_]
    ]
    if faults:
        raise DataError(
            f"{name}: the table does not fit the use case: {', '.join(faults)}; "
            "ingest all of its files again, with `replace`"
        )


def _holds(type_: str | None) -> str:
    return "missing" if type_ is None else f"holds {HOLDS.get(type_, type_)}"
