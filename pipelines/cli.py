"""The command line: reads settings, calls what does the work, and prints the outcome.

Whatever is slow to import is imported inside the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import runtime_defaults
from pipelines.errors import SettingsError
from pipelines.names import Pipeline
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
    SENDS = "sends"
    CLICKS = "clicks"
    UNSUBSCRIBES = "unsubscribes"
    USERS = "users"
    RANKINGS = "rankings"


USE_CASE = Path("configs/newsletter.yaml")
ENVIRONMENT = Path("configs/environments/local.yaml")
VERTEX = Path("configs/environments/vertex.yaml")
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
    newsletters: Annotated[
        int | None,
        typer.Option(min=1, help="Logged newsletters in the window (100,000), or a week (50,000)."),
    ] = None,
    users: UsersOption = 20_000,
    seed: SeedOption = 1,
    weeks: Annotated[int | None, typer.Option(min=1, help="Run the closed loop for this many weeks.")] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(
            help="Closed loop: an agent's type, or a file in configs/agents; once for each agent to compare."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Closed loop: number of worlds, from --seed on.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Closed loop: run finished runs again.")] = False,
) -> None:
    """Write simulated newsletters and ingest them; with --weeks, run agents in the closed loop."""
    with Session("simulate", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        if weeks is not None:
            from pipelines import closed_loop

            plan = closed_loop.plan(workspace, agent or (), weeks, newsletters or 50_000, seeds, seed, fresh)
            closed_loop.run(session, workspace, plan)
            return
        if agent or seeds != 1 or fresh:
            raise SettingsError(
                "--agent, --seeds, --fresh: of the closed loop; allowed: together with --weeks"
            )
        from pipelines import simulated

        simulated.simulate(workspace, _day(run_date), newsletters or 100_000, users, seed)
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
        bool, typer.Option("--replace", help="Empty the table first; the inference table always is.")
    ] = False,
) -> None:
    """Load raw files into a table of the warehouse, checked against the contract."""
    with Session("ingest", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import summary, warehouse

        report = warehouse.ingest(workspace, table.value, files, replace)
        session.out.print(summary.ingested(report), markup=False, soft_wrap=True)


@app.command("build-tables")
def build_tables(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    first: Annotated[
        dt.datetime | None,
        typer.Option("--from", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="First day of sends (UTC)."),
    ] = None,
    last: Annotated[
        dt.datetime | None,
        typer.Option("--to", metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Last day of sends (UTC)."),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            help="Campaign of the inference rows; the run date's ISO week, as 2026-W45, unless given."
        ),
    ] = None,
    create_raw: Annotated[
        bool, typer.Option("--create-raw", help="First make the raw tables that are missing, empty.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read, and write nothing.")
    ] = False,
) -> None:
    """Build the training and inference tables from the raw ones: all that a run date needs, or --from and --to."""
    with Session("build-tables", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import warehouse

        session.open_log()
        plan = warehouse.plan(workspace, _date(run_date), _date(first), _date(last), campaign)
        if create_raw and not dry_run:
            for name in warehouse.create_raw(workspace):
                session.out.print(f"{name}: made, empty.", markup=False, soft_wrap=True)
        report = warehouse.dry_run(workspace, plan) if dry_run else warehouse.build_tables(workspace, plan)
        session.out.print(str(report), markup=False, soft_wrap=True)


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
def tune(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1, help="Sets to compare, those of an interrupted search included; else as in the settings."
        ),
    ] = None,
) -> None:
    """Search the settings' ranges for hyperparameters of a better off-policy value; `train` then uses them."""
    with Session("tune", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import commands

        session.open_log()
        commands.tune(session.out, workspace, _day(run_date), trials)


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


PipelineArgument = Annotated[Pipeline, typer.Argument(help="Which pipeline.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the request instead of sending it.")]


@app.command("compile")
def compile_(
    pipeline: PipelineArgument,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = VERTEX,
    workdir: WorkdirOption = WORKDIR,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="In the work folder's `compiled/` unless given.")
    ] = None,
) -> None:
    """Write a pipeline down as Vertex AI runs it."""
    with Session("compile", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import cloud_runs

        session.open_log()
        cloud_runs.compile_pipeline(session.out, workspace, pipeline, output)


@app.command()
def submit(
    pipeline: PipelineArgument,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = VERTEX,
    workdir: WorkdirOption = WORKDIR,
    run_date: Annotated[
        dt.datetime | None,
        typer.Option(
            "--run-date",
            metavar="YYYY-MM-DD",
            formats=["%Y-%m-%d"],
            help="Day of the run; the day on which it starts (UTC) unless given.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run's steps until it has ended.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Start a run of a pipeline on Vertex AI."""
    with Session("submit", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import cloud_runs

        session.open_log()
        if dry_run:
            cloud_runs.describe(session.out, workspace, [pipeline], _date(run_date), scheduled=False)
        else:
            cloud_runs.submit(session.out, workspace, pipeline, _date(run_date), wait)


@app.command()
def schedule(
    pipelines: Annotated[
        list[Pipeline] | None, typer.Argument(metavar="[PIPELINE]...", help="Both unless given.")
    ] = None,
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = VERTEX,
    workdir: WorkdirOption = WORKDIR,
    dry_run: DryRunOption = False,
) -> None:
    """Make the schedules of the pipelines on Vertex AI, or bring those that exist up to date."""
    with Session("schedule", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import cloud_runs

        session.open_log()
        chosen = list(dict.fromkeys(pipelines or Pipeline))
        if dry_run:
            cloud_runs.describe(session.out, workspace, chosen, None, scheduled=True)
        else:
            cloud_runs.schedule(session.out, workspace, chosen)


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


@app.command("deploy-function")
def deploy_function(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    run: Annotated[bool, typer.Option("--run", help="Run the command instead of printing it.")] = False,
) -> None:
    """Stage the endpoint as a Cloud Function and print the gcloud command that deploys it, or run it."""
    with Session("deploy-function", workdir) as session:
        workspace = _workspace(use_case, environment, workdir)
        from pipelines import deploy_function as deploying

        folder = workdir / "function" / workspace.use_case.name
        deployment = deploying.prepare(workspace.use_case, workspace.environment, folder)
        if run:
            deploying.run(deployment, lambda line: session.err.print(line, markup=False, soft_wrap=True))
        else:
            session.out.print(deployment.to_shell(), markup=False, soft_wrap=True)


@app.command()
def evaluate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="One logged table, in CSV or Parquet files.")
    ],
    action: Annotated[str, typer.Option(metavar="COL", help="What was chosen.")],
    reward: Annotated[str, typer.Option(metavar="COL", help="What came of it.")],
    propensity: Annotated[
        str | None, typer.Option(metavar="COL", help="Its probability under the policy that logged the row.")
    ] = None,
    estimate_propensities: Annotated[
        bool,
        typer.Option(
            "--estimate-propensities", help="None was logged: estimate it from --context, and say so."
        ),
    ] = False,
    evaluation_propensity: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Its probability under the policy to evaluate; or one of the next two."
        ),
    ] = None,
    evaluation_propensities: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="One column an action, such as pi_{action}; sums to 1 in a row."
        ),
    ] = None,
    evaluation_action: Annotated[
        str | None, typer.Option(metavar="COL", help="What a deterministic policy would have chosen.")
    ] = None,
    expected_reward: Annotated[
        str | None, typer.Option(metavar="COL", help="Your reward model's expectation under the policy.")
    ] = None,
    reward_estimate: Annotated[
        str | None, typer.Option(metavar="COL", help="Your reward model's estimate for the logged action.")
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="For a cross-fitted reward model instead; once for each column."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="COL", help="Rows of one user are not independent of each other.")
    ] = None,
    slice_: Annotated[
        list[str] | None,
        typer.Option(
            "--slice", metavar="COL", help="Each of its values by itself too; once for each column."
        ),
    ] = None,
    policy_version: Annotated[str | None, typer.Option(metavar="COL", help="Who logged the row.")] = None,
    slate: Annotated[
        str | None, typer.Option(metavar="COL", help="Rankings: rows of one share its value.")
    ] = None,
    position: Annotated[
        str | None, typer.Option(metavar="COL", help="Rankings: the place, smallest first.")
    ] = None,
    click_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rankings: independent, cascade or standard.")
    ] = None,
    weight_clip: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Largest importance weight used; none unless given."),
    ] = None,
    reward_range: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Smallest and largest reward possible."),
    ] = None,
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="Of the intervals.")] = 0.95,
    interval: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="gamma, normal, bootstrap, clopper_pearson or empirical_bernstein; bootstrap with --user, else gamma.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(metavar="N", help="Of the cross-fit.")] = 3,
    min_rows: Annotated[
        int | None, typer.Option(metavar="N", help="Fewer rows cannot tell; as the gate's default.")
    ] = None,
    min_effective_sample_size: Annotated[
        float | None, typer.Option(metavar="N", help="A smaller sample cannot tell; as the gate's default.")
    ] = None,
    max_weight: Annotated[
        float | None, typer.Option(metavar="N", help="A larger weight cannot tell; as the gate's default.")
    ] = None,
    mean_weight_tolerance: Annotated[
        float | None, typer.Option(metavar="SHARE", help="A mean weight further from 1 cannot tell; 0.1.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Every figure, for a program.")
    ] = None,
) -> None:
    """Evaluate a policy on anyone's logged table; no settings, no pipeline.

    Ends with 0 where the log supports the policy, 3 where it cannot tell, 2 for input that cannot be used.
    """
    with Session("evaluate", WORKDIR) as session:
        from components.evaluator.logged_table import Bounds, Columns, Options
        from pipelines import evaluate_file

        bounds: dict[str, Any] = {
            "min_rows": min_rows,
            "min_effective_sample_size": min_effective_sample_size,
            "max_weight": max_weight,
            "mean_weight_tolerance": mean_weight_tolerance,
        }
        columns = Columns(
            action=action,
            reward=reward,
            propensity=propensity,
            evaluation_propensity=evaluation_propensity,
            evaluation_propensities=evaluation_propensities,
            evaluation_action=evaluation_action,
            expected_reward=expected_reward,
            reward_estimate=reward_estimate,
            context=tuple(context or ()),
            user=user,
            slices=tuple(slice_ or ()),
            policy_version=policy_version,
            slate=slate,
            position=position,
        )
        options = Options(
            weight_clip=weight_clip,
            reward_range=reward_range,
            confidence=confidence,
            interval=interval,
            click_model=click_model,
            bounds=Bounds(**{name: bound for name, bound in bounds.items() if bound is not None}),
            folds=folds,
        )
        found = evaluate_file.run(session.out, files, columns, options, estimate_propensities, json_file)
        if not found.supported:
            raise typer.Exit(evaluate_file.CANNOT_TELL)


@models.command("list")
def list_models(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
) -> None:
    """List the published versions and mark the one in production."""
    with Session("models-list", workdir) as session:
        # A bucket is read by TensorFlow, which has much to say.
        session.open_log()
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
        # A bucket is read by TensorFlow, which has much to say.
        session.open_log()
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


def _date(day: dt.datetime | None) -> dt.date | None:
    return None if day is None else day.date()


def _day(run_date: dt.datetime | None) -> dt.date:
    return dt.date.today() if run_date is None else run_date.date()


if __name__ == "__main__":
    main()
