"""The command `status`: the state of a use case, for a person, for cron and for a monitor."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.days import day
from pipelines.cli.flags import with_options
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    WORKDIR,
    EnvironmentOption,
    UseCaseOption,
    WorkdirOption,
    workspace_of,
)
from pipelines.cli.session import Session

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipelines.status.findings import Status

# Severity -> exit code; 1, 2 and 3 mean something else here (docs/settings.md).
EXIT_CODES = (0, 4, 5)
_STYLES = ("green", "yellow", "bold red")


def status(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    run_date: Annotated[
        dt.datetime | None,
        typer.Option(
            "--run-date",
            metavar="YYYY-MM-DD",
            parser=day,
            help="Judge as at the beginning of this day, UTC (default: now).",
        ),
    ] = None,
    warning_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of a limit of the settings from which its line warns."),
    ] = 0.9,
    max_unpublished: Annotated[
        int, typer.Option(min=1, help="So many trainings in a row that published nothing are a warning.")
    ] = 3,
    max_windows: Annotated[
        int,
        typer.Option(
            min=1, help="A model older than so many windows is a warning; so are as many without a training."
        ),
    ] = 3,
    max_sign_off_days: Annotated[
        int, typer.Option(min=0, help="A version that has waited longer for its sign-off is a warning.")
    ] = 2,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print what is not ok, and nothing if all is, as cron wants."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object, for a program.")] = False,
) -> None:
    """Show the ages of tables, model and rankings against their limits.

    Exits with 0 if all is ok, with 4 for a warning, with 5 if something is critical.
    """
    with Session("status", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        if "://" in workspace.environment.registry:
            session.open_log()  # a bucket is read by TensorFlow, which writes many messages
        from pipelines.cli.warehouse import require_credentials
        from pipelines.status.findings import Limits, Severity
        from pipelines.status.looking import look

        require_credentials(workspace)
        now = dt.datetime.now(dt.UTC) if run_date is None else run_date.replace(tzinfo=dt.UTC)
        found = look(workspace, now, Limits(warning_share, max_unpublished, max_windows, max_sign_off_days))
        if as_json:
            session.out.print_json(data=found.content())
        elif not quiet or found.severity is not Severity.OK:
            session.out.print(f"{found.use_case}: {found.summary}", markup=False, soft_wrap=True)
            session.out.print(lines(found, quiet))
        if EXIT_CODES[found.severity]:
            raise typer.Exit(EXIT_CODES[found.severity])


def lines(found: Status, quiet: bool = False) -> RenderableType:
    """One line per finding, wrapped to the terminal's width, with what to do below those that are not ok.

    Args:
      found: the status.
      quiet: leave out what is ok.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")  # a path that is longer than the line is shown whole
    for finding in found.findings:
        if quiet and not finding.severity:
            continue
        words = Text(finding.words)
        if finding.advice:
            words.append(f"\nto do: {with_options(finding.advice)}")
        table.add_row(Text(finding.severity.word, _STYLES[finding.severity]), finding.subject, words)
    return table
