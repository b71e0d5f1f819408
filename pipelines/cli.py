"""The command line: reads settings, calls what does the work, and prints the outcome.

Whatever is slow to import is imported inside the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import runtime_defaults
from pipelines.errors import SettingsError
from pipelines.session import Session

if TYPE_CHECKING:
    from components.registry import Registry
    from pipelines.local import Workspace

app = typer.Typer(
    name="newsletter-bandit",
    help="Contextual bandits that choose the recommender of each user's newsletter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models = typer.Typer(help="What is published, and which version is in production.", no_args_is_help=True)
app.add_typer(models, name="models")

UseCaseOption = Annotated[
    Path,
    typer.Option("--use-case", metavar="FILE", help="What is decided for whom: the use case's settings."),
]
EnvironmentOption = Annotated[
    Path, typer.Option("--environment", metavar="FILE", help="Where it runs: the environment's settings.")
]
WorkdirOption = Annotated[
    Path, typer.Option("--workdir", metavar="DIR", help="Holds everything a run writes, logs included.")
]
RunDateOption = Annotated[
    dt.datetime | None,
    typer.Option(
        "--run-date", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Day of the run; today unless given."
    ),
]

NewslettersOption = Annotated[int, typer.Option(min=1, help="Logged newsletters in the training window.")]
UsersOption = Annotated[int, typer.Option(min=1, help="Users to predict for.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Draws the simulated world.")]


class Table(enum.StrEnum):
    """Tables of a use case."""

    TRAINING = "training"
    INFERENCE = "inference"


USE_CASE = Path("configs/newsletter.yaml")
ENVIRONMENT = Path("configs/environments/local.yaml")
WORKDIR = Path("workdir")


def main() -> None:
    """Runs the command line of this process and ends it."""
    runtime_defaults.apply()
    typer.main.get_command(app).main(prog_name="newsletter-bandit")


@app.command()
def demo(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = Path("demo"),
    newsletters: NewslettersOption = 100_000,
    users: UsersOption = 20_000,
    seed: SeedOption = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Go on in the folder instead of emptying it.")] = False,
) -> None:
    """Run the whole loop on simulated newsletters and compare the outcome with the truth."""
    with Session("demo", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import demo as demonstration

        demonstration.run(session, workspace, _day(run_date), newsletters, users, seed, keep=keep)


@app.command()
def simulate(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    newsletters: NewslettersOption = 100_000,
    users: UsersOption = 20_000,
    seed: SeedOption = 1,
) -> None:
    """Write simulated newsletters as Parquet files and ingest them."""
    with Session("simulate", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import simulated

        simulated.simulate(workspace, _day(run_date), newsletters, users, seed)
        session.out.print(
            f"Simulated and ingested; the files are in {workdir / simulated.FOLDER}", soft_wrap=True
        )


@app.command()
def ingest(
    table: Annotated[Table, typer.Argument(help="Table of the use case.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="CSV or Parquet files."),
    ],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    replace: Annotated[
        bool, typer.Option("--replace", help="Empty the training table first; the inference table always is.")
    ] = False,
) -> None:
    """Load raw files into a table of the warehouse, checked against the contract."""
    with Session("ingest", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import summary, warehouse

        report = warehouse.ingest(workspace, table.value, files, replace)
        session.out.print(summary.ingested(report), markup=False, soft_wrap=True)


@app.command()
def schema(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a schema that exists.")] = False,
) -> None:
    """Write the curated schema from the data in the warehouse, for you to look over and commit."""
    with Session("schema", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import warehouse
        from pipelines.progress import StepProgress

        path = workspace.schema_file
        if path.exists() and not overwrite:
            raise SettingsError(f"{path}: exists and may hold what somebody wrote; allowed: --overwrite")
        session.open_log()
        with StepProgress(session.out, "Inferring the schema"):
            warehouse.write_schema(workspace)
        session.out.print(f"{path}: look it over, then commit it.", markup=False, soft_wrap=True)


@app.command()
def train(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Train on the newest complete window, evaluate off-policy, and publish if the gate says so."""
    with Session("train", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import commands

        session.open_log()
        commands.train(session.out, workspace, _day(run_date))


@app.command()
def predict(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Rank for every user of the inference table with the model in production, and store the rankings."""
    with Session("predict", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import commands

        session.open_log()
        commands.predict(session.out, workspace, _day(run_date))


@app.command()
def serve(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8080,
) -> None:
    """Answer by user id over HTTP from the stored rankings, until Ctrl-C."""
    with Session("serve", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import endpoint

        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        session.out.print(
            f"Serving {workspace.use_case.name} at {address}/users/USER_ID/recommenders (Ctrl-C stops)",
            markup=False,
            soft_wrap=True,
        )
        endpoint.serve(workspace.use_case, workspace.environment, host, port)


@models.command("list")
def list_models(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """List the published versions and mark the one in production."""
    with Session("models-list", workdir) as session:
        registry = _registry(use_case, environment, workdir)
        from pipelines import summary

        versions = registry.versions()
        if versions:
            session.out.print(summary.models(versions))
        else:
            session.out.print("Nothing is published yet; `newsletter-bandit train` trains a first model.")


@models.command()
def rollback(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version that `models list` names.")],
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """Put an earlier version back into production; the next prediction uses it."""
    with Session("models-rollback", workdir) as session:
        registry = _registry(use_case, environment, workdir)
        # Without a look at what was current: a damaged pointer is a reason to roll back, not an obstacle.
        now = registry.rollback(version)
        session.out.print(f"In production now: {now}.", markup=False, soft_wrap=True)


def _workspace(use_case: Path, environment: Path, workdir: Path) -> Workspace:
    from pipelines.local import Workspace
    from pipelines.settings import load_environment, load_use_case

    settings = load_use_case(use_case)
    return Workspace(
        use_case=settings,
        use_case_path=use_case,
        environment=load_environment(environment).in_workdir(workdir, settings),
        workdir=workdir,
    )


def _registry(use_case: Path, environment: Path, workdir: Path) -> Registry:
    workspace = _workspace(use_case, environment, workdir)
    from components.registry import Registry

    return Registry(workspace.environment.registry, workspace.use_case.name)


def _day(run_date: dt.datetime | None) -> dt.date:
    return dt.date.today() if run_date is None else run_date.date()


if __name__ == "__main__":
    main()
