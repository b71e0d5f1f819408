"""The command `doctor`: what is wrong with a set-up, and what to do about it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

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
from pipelines.cli.status import EXIT_CODES, lines

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.status.findings import Status


def doctor(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    min_free_gb: Annotated[
        float, typer.Option(min=0.0, help="With less space left on the work folder's disk, it warns.")
    ] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object, for a program.")] = False,
) -> None:
    """Examine packages, settings, credentials, tables, registry and store; say what is wrong.

    Nothing is changed. `status` says how old things are; this says whether they work. Exits with 0 if all
    is ok, with 4 for a warning, with 5 if something is critical.
    """
    with Session("doctor", workdir) as session:
        found = _examined(session, use_case, environment, workdir, min_free_gb)
        if as_json:
            session.out.print_json(data=found.content())
        else:
            session.out.print(f"{found.use_case}: {found.summary}", markup=False, soft_wrap=True)
            session.out.print(lines(found))
        if EXIT_CODES[found.severity]:
            raise typer.Exit(EXIT_CODES[found.severity])


def _examined(
    session: Session, use_case: Path, environment: Path, workdir: Path, min_free_gb: float
) -> Status:
    from pipelines.status.findings import Finding, Severity, Status

    now = dt.datetime.now(dt.UTC)
    try:
        workspace = workspace_of(use_case, environment, workdir)
    except SettingsError as error:
        fault = Finding(
            "settings", Severity.CRITICAL, str(error), "correct the file; nothing else was examined"
        )
        return Status(str(use_case), str(environment), now, (fault,))
    if "://" in workspace.environment.registry:
        session.open_log()  # a bucket is read by TensorFlow, which writes many messages
    from pipelines.doctor.examining import examine

    return examine(workspace, now, min_free_gb)
