"""The commands on tables: `ingest`, `build-tables` and `schema`."""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from typing import Annotated

import typer

from newsletter_bandit.errors import SettingsError
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    WORKDIR,
    EnvironmentOption,
    RunDateOption,
    UseCaseOption,
    WorkdirOption,
    date_of,
    workspace_of,
)
from pipelines.cli.session import Session


class Table(enum.StrEnum):
    """Tables of a use case."""

    TRAINING = "training"
    INFERENCE = "inference"
    SENDS = "sends"
    CLICKS = "clicks"
    UNSUBSCRIBES = "unsubscribes"
    USERS = "users"
    RANKINGS = "rankings"


def ingest(
    table: Annotated[Table, typer.Argument(help="Table of the use case.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="CSV or Parquet files."),
    ],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    replace: Annotated[
        bool, typer.Option("--replace", help="Empty the table first; the inference table always is.")
    ] = False,
) -> None:
    """Load raw files into a table of the warehouse, checked against the contract."""
    with Session("ingest", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import summary, warehouse

        report = warehouse.ingest(workspace, table.value, files, replace)
        session.out.print(summary.ingested(report), markup=False, soft_wrap=True)


def build_tables(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    first: Annotated[
        dt.datetime | None,
        typer.Option("--from", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="First day of sends (UTC)."),
    ] = None,
    last: Annotated[
        dt.datetime | None,
        typer.Option("--to", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Last day of sends (UTC)."),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            help="Campaign of the inference rows; the run date's ISO week, as 2026-W45, unless given."
        ),
    ] = None,
    create_raw: Annotated[
        bool, typer.Option("--create-raw", help="First make the raw tables that are missing, empty.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read, and write nothing.")
    ] = False,
) -> None:
    """Build the training and inference tables from the raw ones: all that a run date needs, or --from and --to."""
    with Session("build-tables", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import warehouse

        session.open_log()
        plan = warehouse.plan(workspace, date_of(run_date), date_of(first), date_of(last), campaign)
        if create_raw and not dry_run:
            for name in warehouse.create_raw(workspace):
                session.out.print(f"{name}: made, empty.", markup=False, soft_wrap=True)
        report = warehouse.dry_run(workspace, plan) if dry_run else warehouse.build_tables(workspace, plan)
        session.out.print(str(report), markup=False, soft_wrap=True)


def schema(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a schema that exists.")] = False,
) -> None:
    """Write the curated schema from the data in the warehouse, for you to look over and commit."""
    with Session("schema", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import warehouse
        from pipelines.cli.progress import StepProgress

        path = workspace.schema_file
        if path.exists() and not overwrite:
            raise SettingsError(f"{path}: exists and may hold what somebody wrote; allowed: --overwrite")
        session.open_log()
        with StepProgress(session.out, "Inferring the schema"):
            warehouse.write_schema(workspace)
        session.out.print(f"{path}: look it over, then commit it.", markup=False, soft_wrap=True)
