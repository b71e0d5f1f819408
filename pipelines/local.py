"""Runs the pipelines on this machine, step by step, and gathers what they produced."""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines import libraries
from pipelines.errors import SettingsError, UserError
from pipelines.run_report import RunReport
from pipelines.settings import Environment, UseCase

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from components.evaluator.gate import Verdict
    from components.tuner.result import TunedSet, Winner
    from components.tuner.search import Trial
    from pipelines.executions import Executions


@dataclass(frozen=True)
class Workspace:
    """A use case and where it runs; the environment's paths are already placed in the work folder."""

    use_case: UseCase
    use_case_path: Path
    environment: Environment
    workdir: Path

    @property
    def schema_file(self) -> Path:
        """The curated schema beside the use case's settings."""
        return self.use_case_path.parent / "schemas" / f"{self.use_case.name}.pbtxt"

    @property
    def tuned_file(self) -> Path:
        """Where `newsletter-bandit tune` leaves what it found, and training looks for it."""
        return self.workdir / "hyperparameters" / f"{self.use_case.name}.json"

    def require_schema_file(self) -> Path:
        """Absolute path of the schema.

        Raises:
          SettingsError: there is none.
        """
        if not self.schema_file.is_file():
            raise SettingsError(
                f"{self.schema_file}: no such file; write the curated schema from your data with "
                f"`newsletter-bandit schema --use-case {self.use_case_path}` and look it over"
            )
        return self.schema_file.absolute()


@dataclass(frozen=True)
class StepEvent:
    """A step has begun or ended; `detail` says in a phrase what it produced or why it failed, `figures` in numbers."""

    step: str
    state: Literal["running", "finished", "failed", "cached"]
    seconds: float | None = None
    detail: str = ""
    figures: dict[str, int] = field(default_factory=dict)


OnEvent = Callable[[StepEvent], None]


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training run decided.

    Attributes:
      window: first day and day after the last of the rows that were read.
      verdict: the gate's checks.
      metrics: the Evaluator's `metrics.json`.
      decision: the resolver's `decision.json`.
      published_version: version now in production, or None where nothing was published.
      tuned: hyperparameters that were searched for, or None where the use case's own were used.
      steps: how each step ended.
    """

    window: tuple[dt.date, dt.date]
    verdict: Verdict
    metrics: dict[str, Any]
    decision: dict[str, Any]
    published_version: str | None
    tuned: TunedSet | None = None
    steps: list[StepEvent] = field(default_factory=list)


@dataclass(frozen=True)
class TuningOutcome:
    """What a search found.

    Attributes:
      window: first day and day after the last of the rows that were read.
      default: the use case's own value of each hyperparameter that was searched, by path.
      trials: in the order they were made; the first is the use case's own set.
      winner: the best of them.
      tuned: what was written.
      path: to which file.
    """

    window: tuple[dt.date, dt.date]
    default: dict[str, Any]
    trials: list[Trial]
    winner: Winner
    tuned: TunedSet
    path: Path


@dataclass(frozen=True)
class PredictionOutcome:
    """What a prediction run stored.

    Attributes:
      model_version: version in the registry that ranked.
      stored: rankings.
      rejected: rows that were refused.
      dead_letters: file of the refused rows, or None.
      expires_on: day from which the endpoint no longer serves these rankings.
    """

    model_version: str
    stored: int
    rejected: int
    dead_letters: Path | None
    expires_on: dt.date
    steps: list[StepEvent] = field(default_factory=list)


def train(
    workspace: Workspace, run_date: dt.date, on_event: OnEvent, reads: str | None = None
) -> TrainingOutcome:
    """Trains on the newest complete window, evaluates, and publishes if the gate blesses the model.

    A report of the run lies in the work folder's `runs/` when it has ended, however it has ended; ``reads`` is what its
    query is expected to read.

    Raises:
      SettingsError: there is no curated schema, no window is complete on ``run_date``, or the tuned
        hyperparameters do not fit the use case any more.
      DataError: the window holds no rows, or rows that contradict the schema.
    """
    schema_file = workspace.require_schema_file()
    use_case, environment = workspace.use_case, workspace.environment
    window = use_case.window.latest(run_date, use_case.attribution_days)
    libraries.load()

    from components.tuner import result

    tuned = result.read(str(workspace.tuned_file), use_case)

    from components.evaluator.gate import Verdict
    from pipelines import training
    from pipelines.executions import Executions
    from pipelines.metadata import connection_config

    pipeline = training.create(use_case, environment, schema_file, run_date.isoformat(), tuned)
    executions = Executions(connection_config(environment.metadata), training.pipeline_name(use_case))
    steps = _run(workspace, run_date, pipeline, executions, on_event, reads)

    evaluation = Path(executions.outputs("Evaluator")["evaluation"])
    decision = Path(executions.outputs("ServingModelResolver")["decision"])
    publication = Path(executions.outputs("PushingFinalizer")["publication"])
    return TrainingOutcome(
        window=window,
        verdict=Verdict.read(evaluation / "verdict.json"),
        metrics=json.loads((evaluation / "metrics.json").read_text()),
        decision=json.loads((decision / "decision.json").read_text()),
        published_version=json.loads((publication / "publication.json").read_text())["version"],
        tuned=tuned,
        steps=steps,
    )


def tune(workspace: Workspace, run_date: dt.date, trials: int | None, on_event: OnEvent) -> TuningOutcome:
    """Searches the ranges of the settings on the newest complete window, and leaves the best set for training.

    Args:
      workspace: what to search for, and where the trials and the outcome are kept.
      run_date: day of the run.
      trials: sets to compare, those of an interrupted search included; None takes the settings' number.
      on_event: called as each step and each trial begins and ends.

    Raises:
      SettingsError: the settings name no range, or one that cannot be searched; there is no curated schema, or
        no window is complete on ``run_date``.
      DataError: the window holds no rows, or rows that contradict the schema or cannot be compared on.
    """
    use_case, environment = workspace.use_case, workspace.environment
    from components.tuner.space import check_ranges, tunable

    check_ranges(use_case, str(workspace.use_case_path))
    own = tunable(use_case)
    default = {path: own[path] for path in use_case.tuning.ranges}
    schema_file = workspace.require_schema_file()
    window = use_case.window.latest(run_date, use_case.attribution_days)
    libraries.load()

    from components.tuner import result
    from pipelines import tuning
    from pipelines.executions import Executions
    from pipelines.metadata import connection_config

    pipeline = tuning.create(use_case, environment, schema_file, run_date.isoformat())
    executions = Executions(connection_config(environment.metadata), tuning.pipeline_name(use_case))
    _run(workspace, run_date, pipeline, executions, on_event, None)
    found, rows = tuning.search(
        workspace, window, default, pipeline, executions, trials or use_case.tuning.trials, on_event
    )
    winner = result.winner(found, rows, use_case.gate.confidence)
    tuned = result.tuned_set(use_case, winner, len(found), rows, window)
    tuned.write(str(workspace.tuned_file))
    return TuningOutcome(window, default, found, winner, tuned, workspace.tuned_file)


def predict(
    workspace: Workspace, run_date: dt.date, on_event: OnEvent, reads: str | None = None
) -> PredictionOutcome:
    """Ranks for every user of the inference table with the model in production, and stores the rankings.

    A report of the run is written as `train` does.

    Raises:
      DataError: nothing is in production, the table is empty, or too many rows cannot be stored.
    """
    from components.registry import Registry

    use_case, environment = workspace.use_case, workspace.environment
    registry = Registry(environment.registry, use_case.name)
    registry.require_current()
    libraries.load()

    from pipelines import batch_prediction
    from pipelines.executions import Executions
    from pipelines.metadata import connection_config

    pipeline = batch_prediction.create(use_case, environment, run_date.isoformat())
    executions = Executions(connection_config(environment.metadata), batch_prediction.pipeline_name(use_case))
    steps = _run(workspace, run_date, pipeline, executions, on_event, reads)
    summary = json.loads(
        (Path(executions.outputs("PredictionStorer")["summary"]) / "summary.json").read_text()
    )
    return PredictionOutcome(
        model_version=summary["model_version"],
        stored=summary["stored"],
        rejected=summary["rejected"],
        dead_letters=Path(summary["dead_letters"]) if summary["rejected"] else None,
        expires_on=dt.datetime.fromisoformat(summary["expires_at"]).date(),
        steps=steps,
    )


def _run(
    workspace: Workspace,
    run_date: dt.date,
    pipeline: Pipeline,
    executions: Executions,
    on_event: OnEvent,
    reads: str | None,
) -> list[StepEvent]:
    from absl import logging as absl_logging
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    absl_logging.set_verbosity(absl_logging.INFO)
    steps = _Steps(executions, on_event)
    logger = logging.getLogger("absl")
    logger.addHandler(steps)
    started_at, clock, succeeded = dt.datetime.now(dt.UTC), time.monotonic(), False
    try:
        LocalDagRunner().run(pipeline)
        succeeded = True
    except BaseException as error:
        steps.fail(error)
        raise
    finally:
        logger.removeHandler(steps)
        seconds = time.monotonic() - clock
        name = pipeline.pipeline_info.pipeline_name
        RunReport(name, run_date, started_at, seconds, succeeded, reads, steps.ended).write(workspace.workdir)
    return steps.ended


class _Steps(logging.Handler):
    """Turns what the runner logs about its components into events: it offers no other hook."""

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
        elif record.msg == "A cached execution %d is used.":
            self._cached = True
        elif record.msg == "Component %s is finished." and self._running is not None:
            from pipelines.step_details import detail, figures

            step = self._running
            outputs = self._executions.outputs(step)
            state: Literal["cached", "finished"] = "cached" if self._cached else "finished"
            self._end(state, detail(step, outputs), figures(step, outputs))

    def fail(self, error: BaseException) -> None:
        """The step that runs has raised ``error``."""
        if self._running is not None:
            text = str(error) if isinstance(error, UserError) else type(error).__name__
            self._end("failed", text.splitlines()[0] if text else "")

    def _end(
        self, state: Literal["finished", "failed", "cached"], text: str, figures: dict[str, int] | None = None
    ) -> None:
        assert self._running is not None
        event = StepEvent(self._running, state, time.monotonic() - self._since, text, figures or {})
        self._running = None
        self.ended.append(event)
        self._on_event(event)
