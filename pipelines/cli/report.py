"""The command on what people read: `report`."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from newsletter_bandit.errors import SettingsError
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
            help="A training or prediction in `runs/` of the work folder, or a version from `models list`, "
            "or the beginning of one; the newest training unless given.",
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
    prediction: Annotated[
        bool, typer.Option("--prediction", help="The page of the newest prediction, instead of a training's.")
    ] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,
) -> None:
    """Make the report of a training, or the page of a prediction day, again, and open it in the browser."""
    with Session("report", workdir) as session:
        if prediction and name is not None:
            raise SettingsError("--prediction: means the newest one; use it without RUN|VERSION")
        workspace = workspace_of(use_case, environment, workdir)
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        from pipelines.cli import summary
        from pipelines.local import reports

        if prediction:
            page = reports.of_day(workspace, reports.newest_prediction(workspace), output)
        else:
            page = reports.make(workspace, name, output)
        if not no_open:
            webbrowser.open(page.absolute().as_uri())
        session.out.print(summary.report(page), markup=False, soft_wrap=True)
