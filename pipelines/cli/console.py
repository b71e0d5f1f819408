"""The command `console`."""

from __future__ import annotations

import webbrowser
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


def console(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes one that is free.")
    ] = 8090,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,
) -> None:
    """Show runs, versions and rankings in the browser, and roll back or pin there, until Ctrl-C."""
    with Session("console", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        from pipelines.console import server

        def opened(address: str, file: str) -> None:
            session.out.print(
                f"Console of {workspace.use_case.name}, for this machine alone (Ctrl-C stops):\n{address}",
                markup=False,
                soft_wrap=True,
            )
            if not no_open:
                webbrowser.open(file)

        server.serve(workspace, port, opened)
