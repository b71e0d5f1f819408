"""The mark of a training table whose propensities were estimated, so that no use case hides it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from newsletter_bandit.errors import DataError
from newsletter_bandit.quoting import text
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.embedded import connect

_MARK = "estimated by "


def mark(connection: duckdb.DuckDBPyConnection, target: str, use_case: UseCase) -> None:
    """Marks a training table as one that holds estimated propensities, if the use case estimates them.

    Args:
      connection: within whose transaction the table is filled.
      target: its quoted name.
      use_case: says by which columns.
    """
    decided = use_case.ingest.estimated_by
    if decided:
        connection.execute(f"COMMENT ON COLUMN {target}.propensity IS {text(_MARK + ', '.join(decided))}")


def require_said(connection: duckdb.DuckDBPyConnection, use_case: UseCase) -> None:
    """Makes sure that a use case says so, if the training table of the open warehouse is marked.

    Raises:
      DataError: the table holds estimated propensities, and by the use case they are known.
    """
    name = use_case.table_name("training")
    schema, _, table = name.rpartition(".")
    found = connection.execute(
        "SELECT comment FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = ? "
        "AND table_name = ? AND column_name = 'propensity'",
        [schema or "main", table],
    ).fetchall()
    marked = next((str(comment) for (comment,) in found if str(comment).startswith(_MARK)), "")
    if marked and not use_case.ingest.estimated_by:
        decided = marked.removeprefix(_MARK)
        raise DataError(
            f"{name}: holds propensities that were estimated by {decided}, which the use case does not say, "
            "so no figure would say it; keep `ingest.training.propensity: {estimated_by: "
            f"[{decided}]}}` of the use case, with `column` for rows that have a logged one, or ingest all "
            "files again, with `replace`"
        )


def require_said_by(path: Path | str, use_case: UseCase) -> None:
    """As `require_said`, of a warehouse's file."""
    with connect(path, read_only=True) as connection:
        require_said(connection, use_case)
