"""What the command line asks of the warehouse outside of a pipeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines.errors import SettingsError
from pipelines.settings import DuckDBWarehouse, Environment

if TYPE_CHECKING:
    from pipelines.local import Workspace


def ingest(workspace: Workspace, table: Literal["training", "inference"], files: Sequence[Path]) -> Any:
    """Loads raw files into a table of the use case; see `components.example_gen.ingest.ingest`."""
    from components.example_gen.ingest import ingest as ingest_files

    return ingest_files(_duckdb(workspace.environment), workspace.use_case, table, list(files))


def write_schema(workspace: Workspace, run_date: dt.date) -> None:
    """Infers the curated schema from the rows that a training of ``run_date`` would read."""
    from components.example_gen.queries import render_training_query
    from components.example_gen.warehouse import read_batches
    from components.example_validator.curate import write_schema as write

    use_case, warehouse = workspace.use_case, workspace.environment.warehouse
    window = use_case.window.latest(run_date, use_case.attribution_days)
    query = render_training_query(use_case, warehouse, *window)
    write(use_case, read_batches(_duckdb(workspace.environment), query), workspace.schema_file)


def _duckdb(environment: Environment) -> Path:
    warehouse = environment.warehouse
    if not isinstance(warehouse, DuckDBWarehouse):
        raise SettingsError(
            f"environment {environment.name}: warehouse.kind is {warehouse.kind}; allowed here: duckdb "
            "(load BigQuery tables with BigQuery's own tools)"
        )
    return Path(warehouse.path)
