"""Raw rows beside the table's: read, converted, and each marked with the check that it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.settings.mapping import (
    ColumnSource,
    FileFormat,
    FromColumn,
    FromConstant,
    FromEstimate,
)
from newsletter_bandit.settings.run_day import run_day
from newsletter_bandit.settings.tables import (
    INFERENCE_COLUMNS,
    OPTIONAL_COLUMNS,
    RAW_COLUMNS,
    SUBJECT,
    TRAINING_COLUMNS,
    UNSUBSCRIBED,
)
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.table_files.cells import padded, trimmed
from newsletter_bandit.table_files.faults import blanks_removed, unreadable
from newsletter_bandit.table_files.source import TableFile, open_table
from newsletter_bandit.warehouse.checks import Check, checks
from newsletter_bandit.warehouse.columns import (
    ALIKE,
    DUCKDB_TYPE,
    ROW,
    Column,
    alike,
    allowed,
    asked,
    column,
    constant,
    file_column,
    plan,
    source_of,
)
from newsletter_bandit.warehouse.estimating import estimate
from newsletter_bandit.warehouse.zones import nearest_zone

Table = Literal[
    "training", "inference", "sends", "clicks", "unsubscribes", "outcomes", "users", "contexts", "rankings"
]
KEY: dict[str, tuple[str, ...]] = {
    "training": (SUBJECT, "campaign", "sent_at"),
    "inference": (SUBJECT,),
    "sends": ("send_id",),
    "clicks": ("send_id", "clicked_at"),
    "unsubscribes": ("send_id", "unsubscribed_at"),
    "outcomes": ("send_id", "outcome", "occurred_at", "value"),
    "users": (SUBJECT, "snapshot_date"),
    "contexts": ("send_id",),
    "rankings": (SUBJECT, "campaign", "generated_at"),
}
_CONTRACT = {"training": TRAINING_COLUMNS, "inference": INFERENCE_COLUMNS, **RAW_COLUMNS}
_ELIGIBLE = "eligible_recommenders"
_OPTIONAL = {_ELIGIBLE}
_SNAPSHOT = "snapshot_date"
# A served ranking may provide these two.
_OPTIONAL_IN_SENDS = {"propensity", "policy_version"}
# Columns of the staging table besides the table's own; no column of a table has a space in its name.
ORDINAL, PROBLEM, FOUND = '"ordinal of the row"', '"number of the failed check"', '"value at fault"'
# The time by which the newest row of a user is found; refusals call it by this name.
TIME = "time of the row"
PER_FILE = 1_000_000_000_000  # ordinal = PER_FILE * number of the file + row


def key_of(use_case: UseCase, table: Table) -> tuple[str, ...]:
    """The columns by which a table's rows differ from each other."""
    return tuple(use_case.column(table, name) for name in KEY[table])


@dataclass(frozen=True)
class Staged:
    """What `stage` leaves in temporary tables: `staged`, and `raw_0`, `raw_1`, ... with the files' own rows.

    Attributes:
      rows: rows of all files.
      reasons: the checks, at the numbers by which `PROBLEM` knows them.
      raw: name and DuckDB type of the columns of each raw table.
      sources: the columns that are not the files' column of the same name.
      said: sentences on how the files were read.
      older: rows that are in `raw` alone, because a newer row of the same user is there.
      estimates: of `said`, the sentences on estimated propensities.
    """

    rows: int
    reasons: tuple[Check, ...]
    raw: tuple[dict[str, str], ...]
    sources: Mapping[str, ColumnSource]
    said: tuple[str, ...]
    older: int = 0
    estimates: tuple[str, ...] = ()

    def at_fault(self, problem: int) -> str:
        """The files' name of the column that a check is about."""
        name = self.reasons[problem].column
        source = self.sources.get(name)
        of_file = None if source is None else file_column(source)
        return name if of_file is None else of_file


def use_time_zone(connection: duckdb.DuckDBPyConnection, written: FileFormat) -> None:
    """Times of the files that name no zone are from now on those of the settings' zone.

    Raises:
      SettingsError: there is no such zone.
    """
    try:
        connection.execute(f"SET TimeZone = {text(written.time_zone)}")
    except duckdb.Error:
        names = connection.execute("SELECT name FROM pg_timezone_names() WHERE name LIKE '%/%'").fetchall()
        nearest = nearest_zone(written.time_zone, (str(name) for (name,) in names))
        near = f", perhaps {nearest}" if nearest else ""
        raise SettingsError(
            f"ingest.format.time_zone: found {written.time_zone!r}; allowed: UTC, or a zone of the IANA "
            f"database such as Europe/Zurich{near}"
        ) from None


def check_constants(connection: duckdb.DuckDBPyConnection, use_case: UseCase, table: Table) -> None:
    """Makes sure that each constant under `ingest` fits its column; raises `SettingsError` for one that does
    not.
    """
    types = use_case.table_columns(table)
    for name, source in getattr(use_case.ingest, table).items():
        if isinstance(source, FromConstant):
            made = column(name, types[name], *constant(source), file="ingest", written=use_case.ingest.format)
            ((is_null,),) = connection.execute(
                f"SELECT {made.value} IS NULL FROM (SELECT {made.source} AS {source_of(name)})"
            ).fetchall()
            if is_null and source.constant != "":
                raise SettingsError(
                    f"ingest.{table}.{name}: constant {source.constant!r}; allowed: {allowed(types[name])}"
                )


def stage(
    connection: duckdb.DuckDBPyConnection, use_case: UseCase, table: Table, files: Sequence[Path]
) -> Staged:
    """Fills `staged`: the converted rows of all files in order, each with the number of the check it
    fails.

    Raises:
      DataError: a file is missing, cannot be read, or lacks a column.
    """
    words = use_case.words
    types, sources = use_case.table_columns(table), dict(getattr(use_case.ingest, table))
    written, newest_by = use_case.ingest.format, _time_of_rows(use_case)
    if table == "inference" and newest_by is not None:
        types, sources = {**types, TIME: "TIMESTAMP"}, {**sources, TIME: FromColumn(column=newest_by)}
    optional = _OPTIONAL | (_OPTIONAL_IN_SENDS if table == "sends" else set())
    estimated = sources.get("propensity")
    estimated = estimated if isinstance(estimated, FromEstimate) else None
    kept = types if estimated is None else {**types, ALIKE: "ARRAY<STRING>"}
    definitions = ", ".join(f"{quoted(name)} {DUCKDB_TYPE[type_]}" for name, type_ in kept.items())
    connection.execute(
        f"CREATE TEMP TABLE staged ({ORDINAL} BIGINT, {PROBLEM} SMALLINT, {FOUND} VARCHAR, {definitions})"
    )
    use_time_zone(connection, written)
    needed = asked(types, sources)
    reasons: list[Check] = []
    raw, said, by_time = [], [], False
    for number, path in enumerate(files):
        file = open_table(connection, path, needed, written.delimiter, written.encoding)
        names = use_case.value_names()
        timed = newest_by in file.types and (
            use_case.ingest.newest_by is not None or _SNAPSHOT not in file.types
        )
        by_time = by_time or timed
        # A file of users alone names no time.
        own = sources if timed else {**sources, TIME: FromConstant(constant="")}
        absent = _absent(use_case, table, types)
        columns = plan(types, own, file.types, str(path), names, absent, written, use_case.aliases)
        if estimated is not None:
            decided = alike(estimated, file.types, written)
            columns.append(Column(ALIKE, "ARRAY<STRING>", decided, source_of(ALIKE), "texts"))
        recommenders = (*use_case.recommenders, *use_case.renamed)
        contract = [use_case.column(table, name) for name in _CONTRACT[table]]
        subject = use_case.column(table, SUBJECT)
        reasons = checks(columns, contract, optional, recommenders, use_case.aliases, subject)
        _read_raw(connection, file, f"raw_{number}")
        texts = [name for name, type_ in file.types.items() if name in needed and type_ == "VARCHAR"]
        blanks = _padded(connection, number, texts)
        connection.execute(_staging_query(number, columns, reasons, tuple(blanks)))
        raw.append(file.types)
        said += [*file.said, *blanks_removed(path, blanks)]
    ((rows,),) = connection.execute("SELECT count(*) FROM staged").fetchall()
    older = (
        _leave_out_older(connection, use_case.key, TIME in types and by_time) if table == "inference" else 0
    )
    if older:
        said.append(f"{older:,} older rows of {words.subjects} {words.who} have a newer one were left out.")
    reasons.append(_mark_duplicates(connection, table, key_of(use_case, table), len(reasons)))
    estimates: tuple[str, ...] = ()
    if estimated is not None:
        too_few, estimates = estimate(connection, estimated, PROBLEM, FOUND, len(reasons))
        reasons.append(too_few)
    return Staged(int(rows), tuple(reasons), tuple(raw), sources, (*said, *estimates), older, estimates)


def _time_of_rows(use_case: UseCase) -> str | None:
    """The column of a file by which the newest row of a user is found; None where no column can be it."""
    source = use_case.ingest.training.get("sent_at", FromColumn(column="sent_at"))
    sent = source.column if isinstance(source, FromColumn) else None
    return use_case.ingest.newest_by or sent


def _absent(use_case: UseCase, table: Table, types: Mapping[str, str]) -> dict[str, ColumnSource]:
    """Sources of the columns that a file may lack: a click by nobody knows whom, users as they are today, who
    may get every recommender, and unsubscribes of which the reward has no term.
    """
    given: dict[str, ColumnSource] = {_SNAPSHOT: FromConstant(constant=run_day().isoformat())}
    optional = [*OPTIONAL_COLUMNS.get(table, {}), *(name for name in types if name == _ELIGIBLE)]
    if table == "training" and UNSUBSCRIBED not in use_case.reward.terms:
        given[UNSUBSCRIBED] = FromConstant(constant=False)
        optional.append(UNSUBSCRIBED)
    return {name: given.get(name, FromConstant(constant="")) for name in optional}


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


def _leave_out_older(connection: duckdb.DuckDBPyConnection, subject: str, by_time: bool) -> int:
    """Drops the good rows of users who have a newer good one; returns how many.

    By time, the later row in the files is the newer of two. By day, rows of one day stay, as duplicates.
    """
    if by_time:
        newest = f"{quoted(TIME)} DESC NULLS LAST, {ORDINAL} DESC"
        rank = f"row_number() OVER (PARTITION BY {quoted(subject)} ORDER BY {newest})"
    else:
        rank = f"rank() OVER (PARTITION BY {quoted(subject)} ORDER BY snapshot_date DESC NULLS LAST)"
    ((older,),) = connection.execute(
        f"DELETE FROM staged WHERE {ORDINAL} IN (SELECT {ORDINAL} FROM (SELECT {ORDINAL}, {rank} AS rank "
        f"FROM staged WHERE {PROBLEM} IS NULL) WHERE rank > 1)"
    ).fetchall()
    return int(older)


def _mark_duplicates(
    connection: duckdb.DuckDBPyConnection, table: Table, key: tuple[str, ...], number: int
) -> Check:
    """Marks all but the first of the good rows that share a key."""
    names = ", ".join(map(quoted, key))
    same = " AND ".join(f"staged.{quoted(name)} = twice.{quoted(name)}" for name in key)
    connection.execute(
        f"UPDATE staged SET {PROBLEM} = {number}, {FOUND} = staged.{quoted(key[0])} FROM ("
        f"SELECT {names}, min({ORDINAL}) AS first_one FROM staged WHERE {PROBLEM} IS NULL "
        f"GROUP BY {names} HAVING count(*) > 1) AS twice "
        f"WHERE {PROBLEM} IS NULL AND {same} AND {ORDINAL} > twice.first_one"
    )
    newest = "; `ingest.newest_by` of the use case keeps the newest" if table == "inference" else ""
    return Check(key[0], f"a second row of the same {', '.join(key)}", f"one row{newest}", "FALSE")
