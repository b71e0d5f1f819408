"""The commands on Google Cloud: `compile`, `submit`, `schedule` and `deploy-function`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.days import day
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    VERTEX,
    WORKDIR,
    AgainOption,
    EnvironmentOption,
    UseCaseOption,
    WorkdirOption,
    date_of,
    settings_file,
    workspace_of,
)
from pipelines.cli.session import Session
from pipelines.names import Pipeline

PipelineArgument = Annotated[Pipeline, typer.Argument(help="The pipeline.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the request instead of sending it.")]


def compile_(
    pipeline: PipelineArgument,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = VERTEX,
    workdir: WorkdirOption = WORKDIR,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write (default: in the work folder's `compiled/`)."),
    ] = None,
) -> None:
    """Compile a pipeline to the specification that Vertex AI runs."""
    with Session("compile", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import cloud_runs

        session.open_log()
        cloud_runs.compile_pipeline(session.out, workspace, pipeline, output)


def submit(
    pipeline: PipelineArgument,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = VERTEX,
    workdir: WorkdirOption = WORKDIR,
    run_date: Annotated[
        dt.datetime | None,
        typer.Option(
            "--run-date",
            metavar="YYYY-MM-DD",
            parser=day,
            help="Day of the run (default: the day on which it starts, UTC).",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run's steps until it ends.")] = False,
    dry_run: DryRunOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking, as scripts do.")] = False,
    again: AgainOption = False,
) -> None:
    """Show what a run of a pipeline on Vertex AI will be, ask, and start it."""
    with Session("submit", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import cloud_runs, confirming

        def agree(lines: Sequence[str]) -> None:
            confirming.confirm(session.out, lines, yes)

        session.open_log()
        if dry_run:
            cloud_runs.describe(session.out, workspace, [pipeline], date_of(run_date), False, again)
        else:
            cloud_runs.submit(
                session.out, workspace, pipeline, date_of(run_date), wait, agree=agree, again=again
            )


def schedule(
    pipelines: Annotated[
        list[Pipeline] | None,
        typer.Argument(metavar="[PIPELINE]...", help="Pipelines to schedule (default: both)."),
    ] = None,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = VERTEX,
    workdir: WorkdirOption = WORKDIR,
    dry_run: DryRunOption = False,
    systemd: Annotated[bool, typer.Option("--systemd", help="One machine: units of systemd only.")] = False,
    crontab: Annotated[bool, typer.Option("--crontab", help="One machine: lines of a crontab only.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="One machine: write the files to this folder instead of printing."),
    ] = None,
    train_at: Annotated[
        dt.datetime | None,
        typer.Option(
            metavar="HH:MM",
            formats=["%H:%M"],
            help="One machine: start of the training, UTC (default: 03:00).",
        ),
    ] = None,
    predict_at: Annotated[
        dt.datetime | None,
        typer.Option(
            metavar="HH:MM",
            formats=["%H:%M"],
            help="One machine: start of the prediction, UTC (default: 05:00).",
        ),
    ] = None,
    check_at: Annotated[
        dt.datetime | None,
        typer.Option(
            metavar="HH:MM",
            formats=["%H:%M"],
            help="One machine: start of the check of the status, UTC (default: 07:00).",
        ),
    ] = None,
    check_wait_minutes: Annotated[
        int, typer.Option(min=0, help="One machine: how long the check waits for a job that is running.")
    ] = 60,
    build_table: Annotated[
        bool | None,
        typer.Option(
            "--build-table/--no-build-table",
            help="One machine: runs build their table first (default: if there are raw tables).",
        ),
    ] = None,
) -> None:
    """Create or update the pipelines' schedules on Vertex AI; for one machine, print systemd units and cron
    lines.

    An environment without `vertex` is one machine's. Nothing is installed there.
    """
    with Session("schedule", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli.local_schedule import Wishes
        from pipelines.cli.local_schedule import schedule as schedule_here

        chosen = list(dict.fromkeys(pipelines or Pipeline))
        wishes = Wishes(
            systemd, crontab, output, train_at, predict_at, check_at, check_wait_minutes, build_table
        )
        if workspace.environment.vertex is None:
            schedule_here(session.out, workspace, settings_file(environment), chosen, wishes)
            return
        wishes.refuse(workspace.environment.name)
        from pipelines.cli import cloud_runs

        session.open_log()
        if dry_run:
            cloud_runs.describe(session.out, workspace, chosen, None, scheduled=True)
        else:
            cloud_runs.schedule(session.out, workspace, chosen)


def deploy_function(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    run: Annotated[bool, typer.Option("--run", help="Run the command instead of printing it.")] = False,
) -> None:
    """Stage the endpoint as a Cloud Function; print the gcloud command that deploys it, or run it."""
    with Session("deploy-function", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cloud import function as deploying

        folder = workdir / "function" / workspace.use_case.name
        deployment = deploying.prepare(workspace.use_case, workspace.environment, folder)
        if run:
            deploying.run(deployment, lambda line: session.err.print(line, markup=False, soft_wrap=True))
        else:
            session.out.print(deployment.to_shell(), markup=False, soft_wrap=True)
