"""Findings on what the runs keep: tables, registry, rankings and ML Metadata."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from newsletter_bandit.errors import DataError
from newsletter_bandit.ranking_store import open_store
from newsletter_bandit.settings.environment import DuckDBWarehouse, SQLiteMetadata, SQLiteStore
from newsletter_bandit.settings.tables import INGESTED, OPTIONAL_COLUMNS
from newsletter_bandit.warehouse.tables.engines import open_engine
from pipelines.status.findings import Finding, Severity
from pipelines.status.production import registry_of
from pipelines.workspace import Workspace

_NEEDED = ("training", "inference")
_FILL = (
    "fill it with `newsletter-bandit ingest`, or from the raw tables with `newsletter-bandit build-tables`"
)


def tables(workspace: Workspace) -> Finding:
    """Whether the tables have the columns, of the types, that the use case reads.

    Raises:
      UserError: the warehouse cannot be read.
    """
    use_case, warehouse = workspace.use_case, workspace.environment.warehouse
    if isinstance(warehouse, DuckDBWarehouse) and not Path(warehouse.path).exists():
        return Finding("tables", Severity.WARNING, f"{warehouse.path}: none yet", _FILL)
    faults, missing, there = [], [], []
    with open_engine(warehouse, use_case.name, "doctor", read_only=True) as engine:
        for table in INGESTED:
            name = use_case.table_name(table)
            columns = engine.columns(name)
            if columns is None:
                missing += [name] if table in _NEEDED else []
                continue
            there.append(name)
            found = {column.lower(): type_ for column, type_ in columns.items()}
            optional = OPTIONAL_COLUMNS.get(table, {})
            faults += [
                f"{name}.{column} is {found.get(column.lower(), 'missing')}, needed {type_}"
                for column, type_ in use_case.table_columns(table).items()
                if found.get(column.lower()) != type_ and not (column in optional and column not in found)
            ]
    if faults:
        advice = "load the table anew with `ingest --replace`, or add the columns with ALTER TABLE"
        return Finding("tables", Severity.CRITICAL, "; ".join(faults), advice, {"faults": faults})
    if missing:
        return Finding("tables", Severity.WARNING, f"no table {', '.join(missing)}", _FILL)
    return Finding("tables", Severity.OK, ", ".join(there))


def registry(workspace: Workspace) -> Finding:
    """Whether the version in production is whole: each of its files is the one that was published.

    Raises:
      UserError: the registry cannot be read, or the version is damaged.
    """
    found = registry_of(workspace)
    version = found.current()
    if version is None:
        return Finding(
            "registry",
            Severity.OK,
            f"{workspace.environment.registry}: nothing is in production yet",
        )
    found.info(version)
    found.require_intact(version)
    words = f"{version} is in production, its files as they were published; {len(found.names())} in all"
    return Finding("registry", Severity.OK, words, figures={"version": version})


def rankings(workspace: Workspace) -> Finding:
    """Whether the store can be read, is this use case's, and is whole.

    Raises:
      StoreError: it cannot be read, or is another use case's.
    """
    store = workspace.environment.store
    if isinstance(store, SQLiteStore) and not Path(store.path).exists():
        words = f"{store.path}: none yet"
        return Finding("rankings", Severity.OK, words)
    opened = open_store(store)
    try:
        opened.require(workspace.use_case.name)
        count = opened.count()
    finally:
        opened.close()
    if isinstance(store, SQLiteStore):
        _check(Path(store.path))
    return Finding("rankings", Severity.OK, f"{count:,} can be read", figures={"rankings": count})


def metadata(workspace: Workspace) -> Finding | None:
    """Whether ML Metadata's file is whole; None where it is a server's.

    Raises:
      DataError: it is damaged.
    """
    kept = workspace.environment.metadata
    if not isinstance(kept, SQLiteMetadata):
        return None
    if not Path(kept.path).exists():
        return Finding("metadata", Severity.OK, f"{kept.path}: none yet")
    _check(Path(kept.path))
    return Finding("metadata", Severity.OK, f"{kept.path}: whole")


def _check(path: Path) -> None:
    """Raises `DataError` unless SQLite finds the file whole."""
    advice = "stop what writes there, and put a copy of it back or remove it; the next run makes a new one"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as connection:
            faults = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path}: {error}; {advice}") from error
    if faults != ["ok"]:
        raise DataError(f"{path}: damaged: {'; '.join(faults)}; {advice}")
