"""Where an environment of this machine keeps its files."""

from __future__ import annotations

from pathlib import Path

from newsletter_bandit.settings.environment import DuckDBWarehouse, Environment, SQLiteStore


def warehouse_file(environment: Environment) -> Path:
    """The DuckDB file."""
    assert isinstance(environment.warehouse, DuckDBWarehouse)
    return Path(environment.warehouse.path)


def rankings_file(environment: Environment) -> Path:
    """The SQLite file of the rankings."""
    assert isinstance(environment.store, SQLiteStore)
    return Path(environment.store.path)
