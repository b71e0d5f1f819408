"""The commands on what is published: `models list`, `models rollback`, `models pin` and `models unpin`."""

from __future__ import annotations

from typing import Annotated

import typer

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


def list_models(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """List the published versions and mark the one in production."""
    with Session("models-list", workdir) as session:
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        registry = registry_of(use_case, environment, workdir)
        from pipelines.cli import summary

        versions = registry.versions()
        if versions:
            session.out.print(summary.models(versions))
        else:
            session.out.print("Nothing is published yet; `newsletter-bandit train` trains a first model.")


def rollback(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version from `models list`.")],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Put an earlier version back into production, pinned; the next prediction uses it."""
    with Session("models-rollback", workdir) as session:
        # A bucket is read by TensorFlow, which writes many messages.
        session.open_log()
        registry = registry_of(use_case, environment, workdir)
        # Does not read the current pointer: a damaged pointer is a reason to roll back, not an obstacle.
        now = registry.rollback(version)
        session.out.print(
            f"In production now: {now}. It is pinned: no training replaces it until "
            "`newsletter-bandit models unpin`.",
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
