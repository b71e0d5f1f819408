"""The commands that run on this machine: `train`, `tune`, `predict` and `serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import outcomes
from pipelines.cli.json_file import JsonFileOption, check_folder, write
from pipelines.cli.options import (
    ENVIRONMENT,
    USE_CASE,
    WORKDIR,
    AgainOption,
    BuildTableOption,
    EnvironmentOption,
    RunDateOption,
    UseCaseOption,
    WaitOption,
    WorkdirOption,
    day_of,
    workspace_of,
)
from pipelines.cli.session import Session

if TYPE_CHECKING:
    from pipelines.local.running import TrainingOutcome

# Exit code of a training whose model was judged, and kept out of production.
NOT_IN_PRODUCTION = 3


def train(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    again: AgainOption = False,
    build_table: BuildTableOption = False,
    json_file: JsonFileOption = None,
    wait: WaitOption = False,
) -> None:
    """Train on the newest complete window, evaluate off-policy, and publish if the gate says so.

    Exits with 0 if the model is in production, or if the same rows were judged before; with 3 if it was
    judged and is not in production, as one that waits for its sign-off; with 2 if settings or data cannot be
    used.
    """
    with Session("train", workdir) as session:
        check_folder(json_file)
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import local_runs

        session.open_log()
        session.if_stopped = (
            "Production changes in the last step alone, PushingFinalizer; before it, nothing has changed. "
            "Call the command again to train."
        )
        with local_runs.alone(session.out, workspace, "training", wait):
            if build_table:
                local_runs.build_table(session.out, workspace, day_of(run_date), "training")
            outcome = local_runs.train(session.out, workspace, day_of(run_date), again)
        if json_file is not None:
            write(json_file, outcomes.of_training(outcome))
        if exit_code(outcome):
            raise typer.Exit(exit_code(outcome))


def exit_code(outcome: TrainingOutcome | None) -> int:
    """The exit code of a training; None is one that was left out."""
    return 0 if outcome is None or outcome.publication.published else NOT_IN_PRODUCTION


def tune(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1, help="Sets to compare, including those of an interrupted search (default: the settings')."
        ),
    ] = None,
    take_best: Annotated[
        bool,
        typer.Option(
            "--take-best", help="Use the best set even if it is not measurably better than the settings' own."
        ),
    ] = False,
    wait: WaitOption = False,
) -> None:
    """Search the settings' ranges for better hyperparameters, judged off-policy; `train` then uses them."""
    with Session("tune", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import local_runs

        session.open_log()
        session.if_stopped = "Call the command again to go on: it keeps the trials that have ended."
        with local_runs.alone(session.out, workspace, "tuning", wait):
            local_runs.tune(session.out, workspace, day_of(run_date), trials, take_best)


def predict(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    run_date: RunDateOption = None,
    workdir: WorkdirOption = WORKDIR,
    build_table: BuildTableOption = False,
    json_file: JsonFileOption = None,
    wait: WaitOption = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace rankings that were made for a later day than that of the run."),
    ] = False,
) -> None:
    """Rank the recommenders for every user with the model in production, and store the rankings.

    Writes a page about the day to `runs/` of the work folder: who gets what, what changed, what is wrong.
    """
    with Session("predict", workdir) as session:
        check_folder(json_file)
        workspace = workspace_of(use_case, environment, workdir)
        from pipelines.cli import local_runs

        session.open_log()
        session.if_stopped = (
            "The rankings that were stored before stay, but for those that were replaced by then. Call the "
            "command again to store all."
        )
        with local_runs.alone(session.out, workspace, "prediction", wait):
            if build_table:
                local_runs.build_table(session.out, workspace, day_of(run_date), "inference")
            outcome = local_runs.predict(session.out, workspace, day_of(run_date), force)
        if json_file is not None:
            write(json_file, outcomes.of_prediction(outcome))


def serve(
    use_case: UseCaseOption = USE_CASE,
    environment: EnvironmentOption = ENVIRONMENT,
    workdir: WorkdirOption = WORKDIR,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8080,
    model: Annotated[
        bool,
        typer.Option(
            "--model",
            help="Rank each request with the model in production, and log what was answered, instead of "
            "looking up stored rankings.",
        ),
    ] = False,
) -> None:
    """Serve rankings over HTTP until Ctrl-C: the stored ones by user id, or with --model new ones by
    features.
    """
    with Session("serve", workdir) as session:
        workspace = workspace_of(use_case, environment, workdir)
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        path = "/rank" if model else "/users/USER_ID/recommenders"

        def ready() -> None:
            session.out.print(
                f"Serving {workspace.use_case.name} at {address}{path} (Ctrl-C stops)",
                markup=False,
                soft_wrap=True,
            )

        if model:
            from pipelines.model_server.serving import serve as serve_model

            serve_model(workspace, host, port, ready)
        else:
            from pipelines import endpoint

            endpoint.serve(workspace.use_case, workspace.environment, host, port, ready)
