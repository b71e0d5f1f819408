"""Runs the pipelines on this machine, step by step, and collects their outputs."""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from newsletter_bandit import private
from newsletter_bandit.errors import UserError
from newsletter_bandit.files import read_bytes, write_bytes, write_text
from newsletter_bandit.registry.registry import REPORT
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.prediction_day import PredictionDay
from newsletter_bandit.reports.prediction_day import page as day_page
from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.local import libraries, progress
from pipelines.local.run_record import RunRecord, page_of

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from components.hyperparameters_gen.tuned_set import TunedSet
    from components.pushing_finalizer.produced import Publication
    from newsletter_bandit.registry import Look
    from newsletter_bandit.registry.evidence import Decision, Drift, Metrics, Refitted, Verdict
    from newsletter_bandit.warehouse.window_log import WindowLog
    from pipelines.local.executions import Executions
from pipelines.events import OnEvent, StepEvent
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class TrainingOutcome:
    """Outcome of a training run.

    Attributes:
      window: first day and day after the last of the rows that were read.
      verdict: the gate's checks.
      metrics: the Evaluator's figures.
      decision: the resolver's.
      drift: how far the features moved since the version in production was trained.
      publication: what became of the model.
      report: page for people.
      tuned: tuned hyperparameters that were used, or None if the use case's own were used.
      steps: outcome of each step.
      refit: how the second training came out; None where the settings want none.
    """

    window: tuple[dt.date, dt.date]
    verdict: Verdict
    metrics: Metrics
    decision: Decision
    drift: Drift
    publication: Publication
    report: Path
    tuned: TunedSet | None = None
    steps: list[StepEvent] = field(default_factory=list)
    refit: Refitted | None = None


@dataclass(frozen=True)
class PredictionOutcome:
    """Outcome of a prediction run.

    Attributes:
      model_version: version in the registry that ranked.
      stored: number of stored rankings.
      rejected: number of refused rows.
      dead_letters: file of the refused rows, or None.
      expires_on: day from which the endpoint no longer serves these rankings.
      day: what was stored for whom, and the limits.
      report: page for people.
    """

    model_version: str
    stored: int
    rejected: int
    dead_letters: Path | None
    expires_on: dt.date
    day: PredictionDay
    report: Path
    steps: list[StepEvent] = field(default_factory=list)


def judged_before(workspace: Workspace, days: TrainingDays, rows: str) -> Look | None:
    """The look that a training would only repeat: same window, rows and settings, same production.

    Args:
      workspace: use case and environment.
      days: of the run.
      rows: fingerprint of the window's rows.

    Raises:
      SettingsError: the tuned hyperparameters do not fit the use case any more.
      DataError: the registry is damaged.
    """
    from components.hyperparameters_gen import tuned_set
    from components.hyperparameters_gen.hyperparameters import merged
    from newsletter_bandit.registry import Registry

    use_case = workspace.use_case
    tuned = tuned_set.read(str(workspace.tuned_file), use_case)
    trained_with = use_case if tuned is None else merged(use_case, tuned.values)
    registry = Registry(workspace.environment.registry, use_case.name)
    return registry.judged_before(days.window, trained_with.to_json(), rows)


def train(
    workspace: Workspace,
    days: TrainingDays,
    on_event: OnEvent,
    reads: str | None = None,
    rows: str = "",
    log: WindowLog | None = None,
) -> TrainingOutcome:
    """Trains on the window of ``days``, evaluates, and publishes if the gate blesses the model.

    When the run has ended, even if it failed, the work folder's `runs/` holds a record of it; and a page for
    people, if there is a verdict.

    Args:
      workspace: use case and environment.
      days: of the run.
      on_event: called when a step begins or ends.
      reads: what its query is expected to read.
      rows: fingerprint of the window's rows, by which `judged_before` knows them again.
      log: what the window holds, for the page.

    Raises:
      SettingsError: there is no curated schema, or the tuned hyperparameters do not fit the use case any
        more.
      DataError: the window holds no rows, or rows that contradict the schema.
    """
    schema_file = workspace.require_schema_file()
    use_case, environment = workspace.use_case, workspace.environment
    libraries.load()

    from components.hyperparameters_gen import tuned_set

    tuned = tuned_set.read(str(workspace.tuned_file), use_case)

    from components.drift_detector.produced import Detected
    from components.evaluator.produced import Judgement
    from components.pushing_finalizer.produced import Publication
    from components.serving_model_resolver.produced import Resolved
    from pipelines import training
    from pipelines.local.executions import Executions
    from pipelines.metadata import connection_config

    pipeline = training.create(use_case, environment, schema_file, days, tuned, rows, log, workspace.options)
    executions = Executions(connection_config(environment.metadata), training.pipeline_name(use_case))
    run = run_pipeline(workspace, days.run_date, pipeline, executions, on_event, reads)

    judgement = Judgement.of(executions.outputs("Evaluator"))
    published = executions.outputs("PushingFinalizer")
    publication = Publication.of(published)
    evidence = Evidence.read(published["publication"])
    record = replace(run, evidence=evidence).write(workspace.workdir)
    report = page_of(record)
    write_bytes(report, read_bytes(os.path.join(published["publication"], REPORT)))
    return TrainingOutcome(
        window=days.window,
        verdict=replace(judgement.verdict, looks=publication.looks),
        metrics=judgement.metrics,
        decision=Resolved.of(executions.outputs("ServingModelResolver")).decision,
        drift=Detected.of(executions.outputs("DriftDetector")).drift,
        publication=publication,
        report=report,
        tuned=tuned,
        steps=list(run.steps),
        refit=evidence.refit,
    )


def predict(
    workspace: Workspace,
    run_date: dt.date,
    on_event: OnEvent,
    reads: str | None = None,
    force: bool = False,
) -> PredictionOutcome:
    """Ranks for every user of the inference table with the model in production, and stores the rankings.

    When the run has ended, even if it failed, the work folder's `runs/` holds a record of it; and a page for
    people, if it stored rankings.

    Args:
      workspace: use case and environment.
      run_date: day to rank for.
      on_event: called when a step begins or ends.
      reads: what its query is expected to read.
      force: whether rankings of a later day may be replaced.

    Raises:
      DataError: nothing is in production, the table is empty, too many rows cannot be stored, or the store
        holds rankings of a later day.
      SettingsError: the day is too far in the future.
    """
    from newsletter_bandit.registry import Registry

    use_case, environment = workspace.use_case, workspace.environment
    registry = Registry(environment.registry, use_case.name)
    registry.require_current()
    libraries.load()

    from components.prediction_storer.produced import Summary
    from pipelines import batch_prediction
    from pipelines.local.executions import Executions
    from pipelines.metadata import connection_config

    pipeline = batch_prediction.create(
        use_case, environment, run_date.isoformat(), options=workspace.options, force=force
    )
    executions = Executions(connection_config(environment.metadata), batch_prediction.pipeline_name(use_case))
    run = run_pipeline(workspace, run_date, pipeline, executions, on_event, reads)
    outputs = executions.outputs("PredictionStorer")
    summary, day = Summary.of(outputs), PredictionDay.read(outputs["summary"])
    run = replace(run, evidence=day)
    report = page_of(run.write(workspace.workdir))
    write_text(report, day_page(day, run.took))
    return PredictionOutcome(
        model_version=summary.model_version,
        stored=summary.stored,
        rejected=summary.rejected,
        dead_letters=None if summary.dead_letters is None else Path(summary.dead_letters),
        expires_on=dt.datetime.fromisoformat(summary.expires_at).date(),
        day=day,
        report=report,
        steps=list(run.steps),
    )


def run_pipeline(
    workspace: Workspace,
    run_date: dt.date,
    pipeline: Pipeline,
    executions: Executions,
    on_event: OnEvent,
    reads: str | None,
) -> RunRecord:
    """Runs a pipeline step by step; the work folder shows how far it is, and keeps a record of it.

    Args:
      workspace: workspace whose folder gets the record.
      run_date: day of the run.
      pipeline: pipeline to run.
      executions: the run's executions, which show what each step produced.
      on_event: called when a step begins or ends.
      reads: what the pipeline's query is expected to read; None if reading costs nothing.

    Returns:
      The record.
    """
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.INFO)
    name = pipeline.pipeline_info.pipeline_name
    logger = logging.getLogger("absl")
    started_at, clock, succeeded, refusal = dt.datetime.now(dt.UTC), time.monotonic(), False, None
    with progress.shown(workspace.workdir, name, started_at, on_event) as on_shown_event:
        steps = _Steps(executions, on_shown_event)
        logger.addHandler(steps)
        try:
            executions.run(pipeline)
            succeeded = True
        except BaseException as error:
            steps.fail(error)
            refusal = private.redacted(str(error)) if isinstance(error, UserError) else None
            raise
        finally:
            logger.removeHandler(steps)
            seconds = time.monotonic() - clock
            run = RunRecord(name, run_date, started_at, seconds, succeeded, reads, steps.ended, refusal)
            run.write(workspace.workdir)
    return run


class _Steps(logging.Handler):
    """Turns the runner's log messages about its components into events, because it offers no other hook."""

    def __init__(self, executions: Executions, on_event: OnEvent) -> None:
        super().__init__(logging.INFO)
        self._executions = executions
        self._on_event = on_event
        self._running: str | None = None
        self._since = 0.0
        self._cached = False
        self.ended: list[StepEvent] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Follows the runner's messages."""
        if record.msg == "Component %s is running." and isinstance(record.args, tuple):
            self._running, self._since, self._cached = str(record.args[0]), time.monotonic(), False
            self._on_event(StepEvent(self._running, "running"))
        elif record.msg == "Waiting: %s" and self._running is not None:  # as a step of ours says it
            self._on_event(StepEvent(self._running, "running", detail=private.redacted(record.getMessage())))
        elif record.msg == "A cached execution %d is used.":
            self._cached = True
        elif record.msg == "Component %s is finished." and self._running is not None:
            from pipelines.local.step_details import produced

            found = produced(self._running, self._executions.outputs(self._running))
            state: Literal["cached", "finished"] = "cached" if self._cached else "finished"
            self._end(state, found.phrase if found else "", found.figures if found else {})

    def fail(self, error: BaseException) -> None:
        """Reports that the running step has raised ``error``."""
        if self._running is not None:
            text = private.redacted(str(error)) if isinstance(error, UserError) else type(error).__name__
            self._end("failed", text.splitlines()[0] if text else "")

    def _end(
        self, state: Literal["finished", "failed", "cached"], text: str, figures: dict[str, int] | None = None
    ) -> None:
        assert self._running is not None
        event = StepEvent(self._running, state, time.monotonic() - self._since, text, figures or {})
        self._running = None
        self.ended.append(event)
        self._on_event(event)
