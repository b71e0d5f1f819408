"""The commands on simulated newsletters: `demo` and `simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter_bandit.errors import SettingsError
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    WORKDIR,
    EnvironmentOption,
    NewslettersOption,
    RunDateOption,
    SeedOption,
    UseCaseOption,
    UsersOption,
    WorkdirOption,
    WorldOption,
    day_of,
    settings_file,
    workspace_of,
)
from pipelines.cli.session import Session


def demo(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = Path("demo"),
    newsletters: NewslettersOption = 100_000,
    users: UsersOption = 20_000,
    seed: SeedOption = 1,
    world: WorldOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Continue in the folder instead of emptying it.")
    ] = False,
) -> None:
    """Run the whole loop on simulated newsletters and compare the outcome with the truth."""
    with Session("demo", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import demo as demonstration

        demonstration.run(
            session,
            workspace,
            day_of(run_date),
            newsletters,
            users,
            seed,
            keep=keep,
            world_file=None if world is None else settings_file(world),
        )


def simulate(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    newsletters: Annotated[
        int | None,
        typer.Option(
            min=1, help="Logged newsletters in the window (100,000), or per week with --weeks (50,000)."
        ),
    ] = None,
    users: UsersOption = 20_000,
    seed: SeedOption = 1,
    world: WorldOption = None,
    weeks: Annotated[int | None, typer.Option(min=1, help="Run the closed loop for this many weeks.")] = None,
    agents: Annotated[
        list[str] | None,
        typer.Option(
            "--agent",
            help="Closed loop: an agent's type or the name of a file in configs/agents; repeat it to "
            "compare.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Closed loop: number of worlds; --seed is the first.")
    ] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Closed loop: repeat finished runs.")] = False,
) -> None:
    """Write simulated newsletters and ingest them; with --weeks, run agents in the closed loop."""
    with Session("simulate", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import simulated_tables

        if weeks is not None:
            from pipelines.cli import closed_loop
            from pipelines.closed_loop import planning

            plan = planning.plan(
                workspace,
                agents or (),
                weeks,
                newsletters or 50_000,
                seeds,
                seed,
                fresh,
                simulated_tables.world_of(workspace, None if world is None else settings_file(world)),
            )
            closed_loop.run(session, workspace, plan)
            return
        if agents or seeds != 1 or fresh:
            raise SettingsError(
                "--agent, --seeds, --fresh: these belong to the closed loop; use them together with --weeks"
            )
        simulated_tables.simulate(
            workspace,
            day_of(run_date),
            newsletters or 100_000,
            users,
            seed,
            None if world is None else settings_file(world),
        )
        session.out.print(
            f"Simulated and ingested; the files are in {workdir / simulated_tables.FOLDER}", soft_wrap=True
        )
