"""What the command line asks of the warehouse outside of a pipeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.errors import SettingsError
from pipelines.settings import DuckDBWarehouse, Environment

if TYPE_CHECKING:
    from components.example_gen.arms import ArmSummary
    from components.example_gen.ingest import IngestReport
    from pipelines.local import Workspace


def ingest(
    workspace: Workspace,
    table: Literal["training", "inference"],
    files: Sequence[Path],
    replace: bool = False,
) -> IngestReport:
    """Loads raw files into a table of the use case; see `components.example_gen.ingest.ingest`.

    Refused rows are kept in `rejects/` of the work folder.
    """
    from components.example_gen.ingest import ingest as ingest_files

    rejects = workspace.workdir / "rejects" / f"{workspace.use_case.name}-{table}.jsonl"
    warehouse = _duckdb(workspace.environment)
    return ingest_files(warehouse, workspace.use_case, table, files, rejects, replace)


def write_schema(workspace: Workspace) -> None:
    """Writes the curated schema from the training table; see `components.example_validator.curate`."""
    from components.example_validator.curate import write_schema as write

    write(workspace.use_case, _duckdb(workspace.environment), workspace.schema_file)


def arm_summary(workspace: Workspace, window: tuple[dt.date, dt.date]) -> list[ArmSummary]:
    """What each recommender did in the window; see `components.example_gen.arms`."""
    from components.example_gen.arms import arm_summary as summarise

    return summarise(_duckdb(workspace.environment), workspace.use_case, *window)


def _duckdb(environment: Environment) -> Path:
    warehouse = environment.warehouse
    if not isinstance(warehouse, DuckDBWarehouse):
        raise SettingsError(
            f"environment {environment.name}: warehouse.kind is {warehouse.kind}; allowed here: duckdb "
            "(load BigQuery tables with BigQuery's own tools)"
        )
    return Path(warehouse.path)
