"""The commands on tables: `ingest`, `build-tables` and `schema`."""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from newsletter_bandit.errors import SettingsError
from pipelines.cli.days import day
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

if TYPE_CHECKING:
    from newsletter_bandit.warehouse.ingest import Table as Ingested


class Table(enum.StrEnum):
    """Tables of a use case."""

    TRAINING = "training"
    INFERENCE = "inference"
    BOTH = "both"  # these two
    SENDS = "sends"
    CLICKS = "clicks"
    UNSUBSCRIBES = "unsubscribes"
    OUTCOMES = "outcomes"
    USERS = "users"
    CONTEXTS = "contexts"
    RANKINGS = "rankings"
    REQUESTS = "requests"  # sends, contexts, clicks, unsubscribes and outcomes, of a log


def ingest(
    table: Annotated[
        Table,
        typer.Argument(
            help="Table of the use case; both: training and inference; requests: the raw tables that the log "
            "of `serve --model` fills."
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            exists=True,
            help="CSV or Parquet files; of requests, files or folders of the log (default: the "
            "environment's).",
        ),
    ] = None,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    replace: Annotated[
        bool, typer.Option("--replace", help="Empty the table first (always done for the inference table).")
    ] = False,
) -> None:
    """Check raw files against the contract, and load them into a table of the warehouse."""
    with Session("ingest", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import summary, warehouse

        if table is Table.REQUESTS:
            extract, reports = warehouse.ingest_requests(workspace, files or [], replace)
            session.out.print(str(extract), markup=False, soft_wrap=True)
        else:
            reports = [warehouse.ingest(workspace, each, files or [], replace) for each in _tables(table)]
        for report in reports:
            session.out.print(summary.ingested(report), markup=False, soft_wrap=True)


def _tables(table: Table) -> tuple[Ingested, ...]:
    return ("training", "inference") if table is Table.BOTH else (cast("Ingested", table.value),)


def build_tables(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    first: Annotated[
        dt.datetime | None,
        typer.Option("--from", metavar="YYYY-MM-DD", parser=day, help="First day of sends (UTC)."),
    ] = None,
    last: Annotated[
        dt.datetime | None,
        typer.Option("--to", metavar="YYYY-MM-DD", parser=day, help="Last day of sends (UTC)."),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            help="Campaign of the inference rows (default: the run date's ISO week, such as 2026-W45)."
        ),
    ] = None,
    create_raw: Annotated[
        bool, typer.Option("--create-raw", help="Create missing raw tables first (empty).")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be read, and write nothing.")
    ] = False,
) -> None:
    """Build the training and inference tables from the raw ones, for a run date or for --from and --to."""
    with Session("build-tables", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import warehouse

        session.open_log()
        plan = warehouse.plan(workspace, date_of(run_date), date_of(first), date_of(last), campaign)
        if create_raw and not dry_run:
            for name in warehouse.create_raw(workspace):
                session.out.print(f"{name}: created (empty)", markup=False, soft_wrap=True)
        report = warehouse.dry_run(workspace, plan) if dry_run else warehouse.build_tables(workspace, plan)
        session.out.print(str(report), markup=False, soft_wrap=True)


def schema(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing schema.")] = False,
) -> None:
    """Write the curated schema from the data in the warehouse, for you to review and commit."""
    with Session("schema", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import warehouse
        from pipelines.cli.progress import StepProgress

        path = workspace.schema_file
        if path.exists() and not overwrite:
            raise SettingsError(
                f"{path}: already exists and may contain manual edits; pass --overwrite to replace it"
            )
        session.open_log()
        with StepProgress(session.out, "Inferring the schema"):
            warehouse.write_schema(workspace)
        session.out.print(f"{path}: review it, then commit it.", markup=False, soft_wrap=True)
