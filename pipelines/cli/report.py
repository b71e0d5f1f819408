"""The command on what people read: `report`."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

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


def report(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN|VERSION",
            help="A run in `runs/` of the work folder, or a version from `models list`, or the beginning of "
            "either; the newest run unless given.",
            show_default=False,
        ),
    ] = None,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            dir_okay=False,
            help="Where the page goes (default: beside the run's record).",
        ),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,
) -> None:
    """Make the report of a training again, and open it in the browser."""
    with Session("report", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        from pipelines.cli import summary
        from pipelines.local import reports

        page = reports.make(workspace, name, output)
        if not no_open:
            webbrowser.open(page.absolute().as_uri())
        session.out.print(summary.report(page), markup=False, soft_wrap=True)
