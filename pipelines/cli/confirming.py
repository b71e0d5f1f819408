"""What a run on Google Cloud will be and may cost, shown before it starts, and the question whether to."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

from rich.console import Console

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse, Environment
from newsletter_bandit.settings.run_day import TrainingDays, run_day
from pipelines.names import Pipeline
from pipelines.workspace import Workspace


def plan(workspace: Workspace, pipeline: Pipeline, run_date: dt.date | None) -> list[str]:
    """What `submit` will start, one line each: where, as whom, from which image, on which days, up to what.

    Raises:
      SettingsError: no training window is complete.
    """
    environment = workspace.environment
    vertex = environment.vertex
    assert vertex is not None  # `compiling.check` has seen it
    lines = [
        f"Pipeline: {workspace.use_case.name}-{pipeline}",
        f"Project and region: {vertex.project}, {vertex.region}",
        f"Image: {vertex.image}",
        f"Steps run as: {vertex.service_account}",
    ]
    dataflow, job = environment.processing.dataflow, environment.training_job
    if dataflow is not None:
        lines.append(
            f"Dataflow's workers: up to {_most_workers(environment)} per step, as "
            f"{dataflow.service_account or 'the default account of Compute Engine'}, from "
            f"{dataflow.image or 'the image of Apache Beam'}"
        )
    if pipeline is Pipeline.TRAINING and job is not None:
        lines.append(
            f"Training job: {job.workers} x {job.machine_type}"
            f"{' with ' + job.accelerator if job.accelerator else ''}, at most {job.timeout_hours} hours, as "
            f"{job.service_account}, from {job.image}"
        )
    lines.append(_days(workspace, pipeline, run_date))
    warehouse = environment.warehouse
    if isinstance(warehouse, BigQueryWarehouse):
        limit = warehouse.maximum_bytes_billed
        allowed = "no limit" if limit is None else f"a query may bill {limit:,} bytes"
        lines.append(f"BigQuery of {warehouse.project}: {allowed}")
    if pipeline is Pipeline.TRAINING:
        waits = workspace.use_case.publication.wait_for_sign_off
        then = ", and waits for its sign-off there" if waits else ""
        lines.append(f"Publishes to: {environment.registry}, if the gate blesses the model{then}")
    else:
        store = environment.store
        lines.append(
            f"Stores rankings in: Datastore of {store.project}, namespace {store.namespace or '(default)'}, "
            f"kind {store.entity_kind}"
            if store.kind == "datastore"
            else f"Stores rankings in: {store.path}"
        )
    return lines


def confirm(out: Console, lines: Sequence[str], yes: bool) -> None:
    """Shows the lines and asks whether to go on.

    Args:
      out: terminal.
      lines: of `plan`.
      yes: goes on without a question.

    Raises:
      SettingsError: there is nobody to ask, or the answer is not yes; nothing was started.
    """
    for line in lines:
        out.print(f"  {line}", markup=False, soft_wrap=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError(
            "submit: not confirmed, as no terminal is there to ask; use --yes to start without a question. "
            "Nothing was started."
        )
    out.print("Start it? [y/N] ", end="", markup=False)
    out.file.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise SettingsError("submit: not confirmed; nothing was started")


def _days(workspace: Workspace, pipeline: Pipeline, run_date: dt.date | None) -> str:
    named = "" if run_date is not None else ", if it starts today (UTC)"
    day = run_day(run_date)
    if pipeline is Pipeline.PREDICTION:
        return f"Run date: {day}{named}"
    first, after = TrainingDays.of(workspace.use_case, day).window
    return f"Run date: {day}{named}; window: {first} to {after - dt.timedelta(days=1)}"


def _most_workers(environment: Environment) -> int:
    dataflow = environment.processing.dataflow
    assert dataflow is not None
    steps = (step.max_workers for step in environment.processing.steps.values())
    return max(dataflow.max_workers, *(number or 0 for number in steps), 0)
