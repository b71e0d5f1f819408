"""The commands on what is published: `models list`, `show`, `card`, `rollback`, `pin` and `unpin`."""

from __future__ import annotations

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
    workspace_of,
)
from pipelines.cli.session import Session


def list_models(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects, for a program.")] = False,
) -> None:
    """List the published versions, oldest first, and mark the one in production."""
    with Session("models-list", workdir) as session:
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        workspace = workspace_of(use_case, environment, workdir)
        from newsletter_bandit.registry import Registry
        from pipelines.cli import summary

        versions = Registry(workspace.environment.registry, workspace.use_case.name).versions()
        if as_json:
            session.out.print_json(data=[summary.model(version) for version in versions])
        elif versions:
            session.out.print(summary.models(versions))
        else:
            session.out.print(
                with_options(
                    f"Nothing is published yet for {workspace.use_case.name} in "
                    f"{workspace.environment.registry}; "
                    "`newsletter-bandit train` trains a first model."
                ),
                markup=False,
                soft_wrap=True,
            )


def show(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A version from `models list`, or the beginning of one.")
    ],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object, for a program.")] = False,
) -> None:
    """Show one published version: its value, how it is served, and every check of the gate."""
    with Session("models-show", workdir) as session:
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        registry = registry_of(use_case, environment, workdir)
        from pipelines.cli import summary

        name = registry.named(version)
        (found,) = (each for each in registry.versions() if each.version == name)
        if as_json:
            evidence = {} if found.verdict is None else {"checks": found.verdict.body()["checks"]}
            session.out.print_json(data={**summary.model(found), **evidence})
            return
        session.out.print(summary.models([found], "Published model"))
        if found.sign_offs.answers:
            session.out.print(summary.sign_offs(found))
        if found.verdict is not None:
            session.out.print(summary.checks(found.verdict))


def card(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A version from `models list`, or the beginning of one.")
    ],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Print the model card of a published version, as Markdown."""
    with Session("models-card", workdir) as session:
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        workspace = workspace_of(use_case, environment, workdir)
        from newsletter_bandit.registry import Registry
        from newsletter_bandit.reports.card import of_version

        registry = Registry(workspace.environment.registry, workspace.use_case.name)
        # As it is, without colours or wrapping: it may go into a file.
        text = of_version(registry, registry.named(version), workspace.options)
        session.out.out(text, highlight=False, end="")


def rollback(
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="A version from `models list`, or the beginning of one."),
    ] = None,
    previous: Annotated[
        bool,
        typer.Option("--previous", help="The version that was in production before the one that is now."),
    ] = False,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Put an earlier version back into production, pinned; the next prediction uses it."""
    with Session("models-rollback", workdir) as session:
        if (version is None) != previous:
            raise SettingsError("VERSION, --previous: use one of them")
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        registry = registry_of(use_case, environment, workdir)
        # A named version is put there without a look at the pointer: a damaged one is a reason to roll back.
        now = registry.rollback(None if version is None else registry.named(version))
        session.out.print(
            with_options(
                f"In production now: {now}. It is pinned: no training replaces it until "
                "`newsletter-bandit models unpin`. Stored rankings stay those of the model before: run "
                "`newsletter-bandit predict` now."
            ),
            markup=False,
            soft_wrap=True,
        )


def pin(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Keep trainings from replacing the version in production."""
    with Session("models-pin", workdir) as session:
        session.open_log()
        now = registry_of(use_case, environment, workdir).pin()
        session.out.print(f"{now} is pinned: no training replaces it.", markup=False, soft_wrap=True)


def unpin(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Let trainings replace the version in production again."""
    with Session("models-unpin", workdir) as session:
        session.open_log()
        now = registry_of(use_case, environment, workdir).unpin()
        session.out.print(
            f"{now} is not pinned: the next training may replace it.", markup=False, soft_wrap=True
        )
