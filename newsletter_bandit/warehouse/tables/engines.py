"""Engines that run the statements: on the embedded warehouse or on BigQuery."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.warehouse.bigquery import BigQuery, Job
from newsletter_bandit.warehouse.columns import DUCKDB_TYPE
from newsletter_bandit.warehouse.embedded import columns_of, connect, require_tables, unbound
from newsletter_bandit.warehouse.queries import Warehouse
from newsletter_bandit.warehouse.statements import creation, replacement
from newsletter_bandit.warehouse.tables.literals import any_text, identifier
from newsletter_bandit.warehouse.translate import to_duckdb

_BIGQUERY_TYPE = {name: type_ for type_, name in DUCKDB_TYPE.items()}


class Engine(ABC):
    """Runs the BigQuery SQL of `Statements`; each method raises `UserError` for what a person can fix.

    Attributes:
      jobs: BigQuery's jobs so far, each of which has a cost.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    @abstractmethod
    def columns(self, table: str) -> dict[str, str] | None:
        """Name and BigQuery type of the columns of a table named as in the settings; None without such a
        table.
        """

    @abstractmethod
    def create(self, statement: str) -> None:
        """Runs a CREATE TABLE IF NOT EXISTS."""

    @abstractmethod
    def add_column(self, table: str, column: str, type_: str) -> None:
        """Adds a column of a BigQuery type to a table named as in the settings; its rows get NULL."""

    @abstractmethod
    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query with few rows."""

    @abstractmethod
    def replace(self, statement: str) -> tuple[int, int]:
        """Runs a MERGE that replaces rows, whole or not at all; returns how many it wrote and removed."""

    @abstractmethod
    def named(self, table: str) -> str:
        """A table named as in the settings, for `delete`."""

    @abstractmethod
    def equals(self, column: str, value: str) -> str:
        """The condition that a column holds a text of any characters, for `delete`."""

    @abstractmethod
    def delete(self, rows: Sequence[tuple[str, str]]) -> list[int]:
        """Deletes rows, each of a table (`named`) by a condition; returns how many of each."""

    @abstractmethod
    def estimate(self, query: str) -> int | None:
        """Bytes that a query would read; None if reading costs nothing. Nothing is run."""


@contextmanager
def open_engine(
    warehouse: Warehouse, use_case_name: str, command: str = "build-tables", *, read_only: bool = False
) -> Iterator[Engine]:
    """The warehouse's engine; BigQuery's jobs are labelled with the use case and ``command``, their maker.

    The embedded warehouse is made where it is missing, unless it is only read.
    """
    if isinstance(warehouse, DuckDBWarehouse):
        with connect(warehouse.path, read_only=read_only) as connection:
            yield _Embedded(warehouse.path, connection)
    else:
        labels = {"use_case": use_case_name, "command": command}
        yield _BigQuery(BigQuery(warehouse, labels))


class _Embedded(Engine):
    def __init__(self, path: Path | str, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__()
        self._path = path
        self._connection = connection
        ((self._database,),) = connection.execute("SELECT current_database()").fetchall()

    def columns(self, table: str) -> dict[str, str] | None:
        schema, _, name = table.rpartition(".")
        found = columns_of(self._connection, schema or "main", name)
        return {column: _BIGQUERY_TYPE.get(type_, type_) for column, type_ in found.items()} or None

    def create(self, statement: str) -> None:
        made = creation(statement, self._database)
        self._connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {quoted(self._database)}.{quoted(made.schema)}"
        )
        self._connection.execute(made.sql)

    def add_column(self, table: str, column: str, type_: str) -> None:
        self._connection.execute(
            f"ALTER TABLE {self.named(table)} ADD COLUMN {quoted(column)} {DUCKDB_TYPE[type_]}"
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        translation = to_duckdb(query, self._database)
        require_tables(self._connection, self._path, translation.tables)
        try:
            found = self._connection.sql(translation.sql)
            return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        except duckdb.Error as error:
            raise unbound(self._connection, self._path, translation.tables, error) from error

    def replace(self, statement: str) -> tuple[int, int]:
        work = replacement(statement, self._database)
        tables = (work.table, *work.source.tables)
        require_tables(self._connection, self._path, tables)
        self._connection.execute("BEGIN")
        try:
            ((deleted,),) = self._connection.execute(work.delete).fetchall()
            ((inserted,),) = self._connection.execute(work.insert).fetchall()
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._connection.execute("ROLLBACK")
            if isinstance(error, duckdb.Error):
                raise unbound(self._connection, self._path, tables, error) from error
            raise
        return int(inserted), int(deleted)

    def named(self, table: str) -> str:
        schema, _, name = table.rpartition(".")
        return ".".join(quoted(part) for part in (self._database, schema or "main", name))

    def equals(self, column: str, value: str) -> str:
        return f"{quoted(column)} = {text(value)}"

    def delete(self, rows: Sequence[tuple[str, str]]) -> list[int]:
        self._connection.execute("BEGIN")
        try:
            removed = [self._deleted(table, condition) for table, condition in rows]
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        # The rows' bytes stay in the file until it is written anew.
        self._connection.execute("CHECKPOINT")
        return removed

    def _deleted(self, table: str, condition: str) -> int:
        ((removed,),) = self._connection.execute(f"DELETE FROM {table} WHERE {condition}").fetchall()
        return int(removed)

    def estimate(self, query: str) -> int | None:
        self.rows(f"SELECT COUNT(*) AS n FROM ({query}) WHERE FALSE")
        return None


class _BigQuery(Engine):
    def __init__(self, client: BigQuery) -> None:
        super().__init__()
        self._client = client

    def columns(self, table: str) -> dict[str, str] | None:
        return self._client.columns(table)

    def create(self, statement: str) -> None:
        self.jobs.append(self._client.run(statement))

    def add_column(self, table: str, column: str, type_: str) -> None:
        self.jobs.append(
            self._client.run(f"ALTER TABLE {self.named(table)} ADD COLUMN {identifier(column)} {type_}")
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        job, found = self._client.rows(query)
        self.jobs.append(job)
        return found

    def replace(self, statement: str) -> tuple[int, int]:
        job = self._client.run(statement)
        self.jobs.append(job)
        return job.inserted, job.deleted

    def named(self, table: str) -> str:
        return f"`{self._client.warehouse.project}.{table}`"

    def equals(self, column: str, value: str) -> str:
        return f"{identifier(column)} = {any_text(value)}"

    def delete(self, rows: Sequence[tuple[str, str]]) -> list[int]:
        removed = []
        for table, condition in rows:
            job = self._client.run(f"DELETE FROM {table} WHERE {condition}")
            self.jobs.append(job)
            removed.append(job.deleted)
        return removed

    def estimate(self, query: str) -> int | None:
        return self._client.bytes_of(query)
