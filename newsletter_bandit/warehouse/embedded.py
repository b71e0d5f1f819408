"""The embedded warehouse: tables in one DuckDB file, read with the BigQuery SQL that production runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.warehouse.translate import Translation, to_duckdb

# Extensions are never downloaded; times without a zone are UTC, as in BigQuery.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
# What DuckDB raises where the fault is the file's, and not the query's.
_OF_THE_FILE = (
    duckdb.IOException,
    duckdb.InternalException,
    duckdb.FatalException,
    duckdb.SerializationException,
)
_HELD = "Could not set lock on file"
_INTEGERS = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"}


class HeldError(DataError):
    """Another process writes to the warehouse; it can be opened again when that has ended."""


@contextmanager
def connect(path: Path | str, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file, closed at the end; a query of a reader cannot reach other files.

    Raises:
      DataError: there is no such file to read, it is not a DuckDB file, it is damaged, which may be found
        later on, or another process holds it (`HeldError`).
    """
    path = Path(path)
    if path.exists():
        _check_file(path)
    elif read_only:
        raise DataError(f"{path}: no such warehouse; fill one with `newsletter-bandit ingest`")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(
            str(path), read_only=read_only, config=_CONFIG | {"enable_external_access": not read_only}
        )
    except duckdb.Error as error:
        text = _one_line(error)
        # DuckDB has one class for all that a file says no to, and "block" is a word of its other messages.
        if isinstance(error, duckdb.IOException) and _HELD in text:
            raise HeldError(
                f"{path}: another process holds this warehouse; try again when it has ended: {text}"
            ) from error
        raise _unusable(path, error) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    except duckdb.Error as error:
        if _is_of_the_file(error):
            raise _unusable(path, error) from error
        raise
    finally:
        connection.close()


def read_batches(path: Path | str, query: str, rows: int = 50_000) -> Iterator[pa.RecordBatch]:
    """Runs a BigQuery query on the file, which is opened read-only.

    Args:
      path: the DuckDB file.
      query: BigQuery SQL of the subset in `newsletter_bandit.warehouse.translate`.
      rows: largest number of rows per batch.

    Yields:
      Arrow record batches of 1 to ``rows`` rows; none where the query finds nothing.

    Raises:
      SettingsError: the query is outside the subset.
      DataError: the file, a table or a column is missing, or another process holds the file.
    """
    with connect(path, read_only=True) as connection:
        translation = _prepare(connection, path, query)
        try:
            for batch in connection.sql(translation.sql).to_arrow_reader(rows):
                if batch.num_rows:
                    yield batch
        except duckdb.Error as error:
            raise unbound(connection, path, translation.tables, error) from error


def require_rows(path: Path | str, query: str) -> None:
    """Makes sure that the query can be run and finds a row.

    Raises:
      SettingsError, DataError: as `read_batches`; a `DataError` too where the query finds nothing.
    """
    with connect(path, read_only=True) as connection:
        translation = _prepare(connection, path, query)
        try:
            found = connection.execute(f"SELECT 1 FROM ({translation.sql}) LIMIT 1").fetchall()
        except duckdb.Error as error:
            raise unbound(connection, path, translation.tables, error) from error
        if not found:
            tables = ", ".join(written(table) for table in translation.tables)
            where = f" where {translation.condition}" if translation.condition else ""
            raise DataError(f"{path}: {tables} holds no rows{where}")


def row(path: Path | str, query: str, around: Callable[[str], str]) -> tuple[Any, ...]:
    """The one row of DuckDB's own SQL around a query; raises as `read_batches` does.

    Args:
      path, query: as in `read_batches`.
      around: puts its SQL around the query, translated.
    """
    with connect(path, read_only=True) as connection:
        translation = _prepare(connection, path, query)
        try:
            (found,) = connection.execute(around(translation.sql)).fetchall()
        except duckdb.Error as error:
            raise unbound(connection, path, translation.tables, error) from error
    return tuple(found)


def columns_of(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    """Name and DuckDB type of each column in order; empty where there is no such table."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND lower(schema_name) = lower(?) AND lower(table_name) = "
        "lower(?) ORDER BY column_index",
        [schema, table],
    ).fetchall()
    return dict(rows)


def require_tables(
    connection: duckdb.DuckDBPyConnection, path: Path | str, tables: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, str]]:
    """The columns of each (schema, table); raises `DataError` for one that is missing."""
    found = {}
    for schema, table in tables:
        found[schema, table] = columns_of(connection, schema, table)
        if not found[schema, table]:
            there = connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() "
                "WHERE database_name = current_database() AND NOT internal ORDER BY ALL"
            ).fetchall()
            names = ", ".join(written(name) for name in there) or "no table"
            raise DataError(
                f"{path}: no table {written((schema, table))}; found: {names}; "
                "fill it with `newsletter-bandit ingest`"
            )
    return found


def _prepare(connection: duckdb.DuckDBPyConnection, path: Path | str, query: str) -> Translation:
    ((database,),) = connection.execute("SELECT current_database()").fetchall()
    translation = to_duckdb(query, database)
    types: dict[str, set[str]] = {}
    for columns in require_tables(connection, path, translation.tables).values():
        for name, type_ in columns.items():
            types.setdefault(name.lower(), set()).add(type_)
    for name in translation.integer_casts:
        found_types = types.get(name.lower(), set())
        if found_types - _INTEGERS:
            raise SettingsError(
                f"query: CAST(`{name}` AS INT64) of a {', '.join(sorted(found_types))} rounds differently in "
                "BigQuery and the embedded warehouse; allowed: BOOL and INT64 columns"
            )
    return translation


def unbound(
    connection: duckdb.DuckDBPyConnection,
    path: Path | str,
    tables: Iterable[tuple[str, str]],
    error: duckdb.Error,
) -> DataError:
    """The useful part of DuckDB's error: its first line, and the existing columns."""
    if _is_of_the_file(error):
        return _unusable(path, error)
    described = "; ".join(
        f"{written(table)} has the columns {', '.join(columns_of(connection, *table))}" for table in tables
    )
    return DataError(f"{path}: the query cannot be run: {_one_line(error)}; {described}")


def _is_of_the_file(error: duckdb.Error) -> bool:
    # A damaged block is an error of no class of its own.
    return isinstance(error, _OF_THE_FILE) or type(error) is duckdb.Error


def _unusable(path: Path | str, error: duckdb.Error) -> DataError:
    return DataError(
        f"{path}: cannot be used: {_one_line(error)}; if the file is damaged, bring it back from a copy, or "
        "move it away and load the tables again with `newsletter-bandit ingest`"
    )


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if head[8:] != b"DUCK":
        raise DataError(
            f"{path}: not a DuckDB file; allowed: a warehouse that `newsletter-bandit ingest` wrote"
        )


def written(table: tuple[str, str]) -> str:
    """The table's name as the settings write it."""
    schema, name = table
    return name if schema == "main" else f"{schema}.{name}"


def _one_line(error: duckdb.Error) -> str:
    first = str(error).strip().splitlines()[0]
    return first.split(": ", 1)[-1]
