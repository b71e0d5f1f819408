"""The commands by which a person signs a version off: `models approve` and `models reject`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from newsletter_bandit.errors import SettingsError
from pipelines.cli.flags import with_options
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    WORKDIR,
    EnvironmentOption,
    UseCaseOption,
    WorkdirOption,
    registry_of,
)
from pipelines.cli.session import Session

_Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version from `models list`, or the beginning of one.")
]
_Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, in a sentence; it is kept.")]
_By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="NAME",
        help="Who answers (default: the name of your account on this machine).",
        show_default=False,
    ),
]


def approve(
    version: _Version,
    note: _Note,
    by: _By = None,
    override: Annotated[
        bool,
        typer.Option(
            "--override",
            help="Approve it although it was rejected or replaced, or was compared with a version that is no "
            "longer in production; that is kept with the answer.",
        ),
    ] = False,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Sign a version off: name, date and note are kept, and it goes into production if it waits for that."""
    with Session("models-approve", workdir) as session:
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        registry = registry_of(use_case, environment, workdir)
        from newsletter_bandit.registry import approve as approve_version
        from pipelines.cli import summary

        name = registry.named(version)
        found = approve_version(registry, name, _named(by), note, dt.datetime.now(dt.UTC), override)
        session.out.print(with_options(summary.signed(name, found)), markup=False, soft_wrap=True)


def reject(
    version: _Version,
    note: _Note,
    by: _By = None,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Say no to a version: name, date and note are kept, and neither approval nor rollback puts it there."""
    with Session("models-reject", workdir) as session:
        session.open_log()
        registry = registry_of(use_case, environment, workdir)
        from newsletter_bandit.registry import reject as reject_version
        from pipelines.cli import summary

        name = registry.named(version)
        found = reject_version(registry, name, _named(by), note, dt.datetime.now(dt.UTC))
        session.out.print(with_options(summary.signed(name, found)), markup=False, soft_wrap=True)


def _named(by: str | None) -> str:
    from newsletter_bandit.registry import account

    found = account() if by is None else by
    if found is None:
        raise SettingsError("--by: this account has no name; say who answers")
    return found
