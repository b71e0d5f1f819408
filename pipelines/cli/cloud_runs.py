"""Compiled pipelines as commands: write, start on Vertex AI, follow, and schedule them."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from newsletter_bandit import registry
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.cloud import Vertex
from newsletter_bandit.settings.run_day import TrainingDays, run_day
from pipelines.cli import confirming
from pipelines.cli.progress import StepProgress
from pipelines.cloud import compiling, vertex
from pipelines.cloud.compiling import AGAIN, RUN_DATE
from pipelines.cloud.cron import training_starts_a_year
from pipelines.events import StepEvent
from pipelines.names import Pipeline
from pipelines.workspace import Workspace

_NOT_AGAIN = (
    "Not trained again: the window's rows were judged before with the same settings, so the steps after "
    "RepeatGuard, whose log says more, were left out. `submit training --again` trains all the same."
)
MakeClient = Callable[[Vertex], vertex.Client]


def compile_pipeline(out: Console, workspace: Workspace, pipeline: Pipeline, output: Path | None) -> Path:
    """Writes a compiled pipeline and prints where; raises as `compiling.compiled` does."""
    path = output or workspace.workdir / "compiled" / f"{workspace.use_case.name}-{pipeline}.json"
    compiling.write(compiling.compiled(workspace, pipeline), path)
    names = ", ".join(parameters(pipeline, None))
    out.print(
        f"{path}: {path.stat().st_size / 1e3:.0f} kB; parameters: {names}", markup=False, soft_wrap=True
    )
    return path


def submit(
    out: Console,
    workspace: Workspace,
    pipeline: Pipeline,
    run_date: dt.date | None,
    wait: bool,
    client_of: MakeClient = vertex.Client,
    agree: Callable[[Sequence[str]], None] | None = None,
    again: bool = False,
) -> vertex.Run:
    """Starts a run on Vertex AI and, if it is to ``wait``, prints each step as it ends.

    Args:
      out: where to print.
      workspace: use case to run, and the environment with its `vertex`.
      pipeline: pipeline to run.
      run_date: day of the run; None lets the run take the day on which it starts.
      wait: wait until the run has ended.
      client_of: makes the client; by default Google's own.
      agree: is shown what will be started, and raises an error if it must not be; None starts it.
      again: train even on rows that were judged before with the same settings.

    Raises:
      SettingsError: as `compiling.compiled`; no training window is complete; ``again`` with a prediction; or
        credentials, permission, API or project are missing.
      UserError: the run failed or was cancelled.
    """
    settings = compiling.check(workspace.environment)
    _require_window(workspace, pipeline, run_date)
    values = parameters(pipeline, run_date, again)
    # Before the pipeline is compiled, so that a missing credential is reported at once.
    client = client_of(settings)
    client.require_credentials()
    if agree is not None:
        agree(confirming.plan(workspace, pipeline, run_date))
    spec = compiling.compiled(workspace, pipeline)
    run = client.submit(spec, new_run_id(spec["displayName"], dt.datetime.now(dt.UTC)), values)
    out.print(f"Submitted {run.name}\n{run.console}", markup=False, soft_wrap=True)
    if wait:
        with StepProgress(out, "Waiting for the first step") as progress:
            left_out = client.follow(
                run, lambda event: progress(StepEvent(event.step, event.state, event.seconds, event.detail))
            )
        out.print("The run has succeeded.")
        if left_out:
            out.print(_NOT_AGAIN, markup=False, soft_wrap=True)
    return run


def new_run_id(display_name: str, now: dt.datetime) -> str:
    """A name for a run that no other has: the service takes one name twice for one run, and two people may
    start theirs within a second.
    """
    return f"{display_name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def schedule(
    out: Console,
    workspace: Workspace,
    pipelines: Sequence[Pipeline],
    client_of: MakeClient = vertex.Client,
) -> list[vertex.Scheduled]:
    """Makes or updates the schedules of the pipelines, one each, and prints them.

    Raises:
      SettingsError: as `submit`, or a training would start on the window of the start before it.
    """
    settings = compiling.check(workspace.environment)
    looks = _require_new_windows(settings, workspace, pipelines)
    client = client_of(settings)
    client.require_credentials()
    made = []
    for pipeline in pipelines:
        spec = compiling.compiled(workspace, pipeline)
        found = client.schedule(
            spec["displayName"], cron(settings, pipeline), spec, parameters(pipeline, None)
        )
        next_run = f"; next {found.next_run:%Y-%m-%d %H:%M} UTC" if found.next_run else ""
        word = "created" if found.created else "updated"
        out.print(
            f"{spec['displayName']}: {word}, {found.cron}{next_run} ({found.name})",
            markup=False,
            soft_wrap=True,
        )
        made.append(found)
    if looks is not None:
        out.print(looks, markup=False, soft_wrap=True)
    return made


def describe(
    out: Console,
    workspace: Workspace,
    pipelines: Sequence[Pipeline],
    run_date: dt.date | None,
    scheduled: bool,
    again: bool = False,
) -> None:
    """Prints what `submit` or `schedule` would send, without a credential and without sending it."""
    settings = compiling.check(workspace.environment)
    client = vertex.Client(settings)
    if scheduled:
        _require_new_windows(settings, workspace, pipelines)
    for pipeline in pipelines:
        if not scheduled:
            _require_window(workspace, pipeline, run_date)
        values = parameters(pipeline, run_date, again)
        spec = compiling.compiled(workspace, pipeline)
        request = client.job(spec, values)
        request["pipelineSpec"] = f"{len(spec['pipelineSpec']['root']['dag']['tasks'])} steps; see `compile`"
        if scheduled:
            request = {"cron": client.cron(cron(settings, pipeline)), "pipelineJob": request}
        out.print(json.dumps(request, indent=2, sort_keys=True), markup=False, soft_wrap=True)


def cron(settings: Vertex, pipeline: Pipeline) -> str:
    """Cron expression of a pipeline's schedule."""
    return settings.training_cron if pipeline is Pipeline.TRAINING else settings.prediction_cron


def parameters(pipeline: Pipeline, run_date: dt.date | None, again: bool = False) -> dict[str, Any]:
    """Values of a run's parameters.

    Raises:
      SettingsError: ``again`` with a prediction.
    """
    values = {RUN_DATE: "" if run_date is None else run_date.isoformat()}
    if pipeline is Pipeline.TRAINING:
        return values | {AGAIN: registry.AGAIN if again else ""}
    if again:
        raise SettingsError(f"--again: found with {pipeline}; use it with {Pipeline.TRAINING}")
    return values


def _require_new_windows(settings: Vertex, workspace: Workspace, pipelines: Sequence[Pipeline]) -> str | None:
    """Sentence on the looks that a year of trainings takes; None if no training is scheduled.

    Raises:
      SettingsError: a training would start on the window of the start before it.
    """
    if Pipeline.TRAINING not in pipelines:
        return None
    looks = training_starts_a_year(settings, workspace.use_case)
    each = (1.0 - workspace.use_case.gate.confidence) / 2.0
    return (
        f"Trainings per year: {looks:.0f}, each a look that errs with {each:.1%}; together at most "
        f"{min(1.0, looks * each):.0%} (docs/gate.md)."
    )


def _require_window(workspace: Workspace, pipeline: Pipeline, run_date: dt.date | None) -> None:
    """Raises `SettingsError` if ExampleGen would find no complete window, minutes after the start."""
    if pipeline is Pipeline.TRAINING:
        TrainingDays.of(workspace.use_case, run_day(run_date))
