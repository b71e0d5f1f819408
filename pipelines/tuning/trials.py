"""The search on the outputs of the tuning pipeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

import tensorflow_transform as tft
from tfx.orchestration.pipeline import Pipeline

from components.example_gen.component import TRAIN
from pipelines.events import OnEvent, StepEvent
from pipelines.local.executions import Executions
from pipelines.tuning.objective import OffPolicyValue, read_rows
from pipelines.tuning.result import settings_hash
from pipelines.tuning.search import Trial
from pipelines.tuning.search import search as search_sets
from pipelines.workspace import Workspace


def search(
    workspace: Workspace,
    window: tuple[dt.date, dt.date],
    default: Mapping[str, Any],
    pipeline: Pipeline,
    executions: Executions,
    trials: int,
    on_event: OnEvent,
) -> tuple[list[Trial], int]:
    """Searches on the outputs of the pipeline's newest run.

    Args:
      workspace: workspace whose folder `tuning/` keeps the trials.
      window: window of the run.
      default: the use case's own value of each hyperparameter that is searched, by path.
      pipeline: the pipeline that `create` made.
      executions: executions of the pipeline.
      trials: number of sets to compare.
      on_event: called when a trial begins or ends.

    Returns:
      The trials, and the number of rows they were compared on.

    Raises:
      DataError: the rows cannot be split, trained on or valued.
    """
    use_case = workspace.use_case
    transform_output = tft.TFTransformOutput(executions.outputs("Transform")["transform_graph"])
    # Transform keeps no user id, so the rows to split by user are those that it read.
    (example_gen,) = (step.id for step in pipeline.components if step.id.endswith("ExampleGen"))
    rows = read_rows(f"{executions.outputs(example_gen)['examples']}/Split-{TRAIN}")
    objective = OffPolicyValue(use_case, transform_output, rows)

    def report(trial: Trial) -> None:
        state: Literal["cached", "finished"] = "cached" if trial.kept else "finished"
        on_event(StepEvent(f"Trial {trial.number}", state, trial.seconds, _detail(trial)))
        if trial.number + 1 < trials:
            on_event(StepEvent(f"Trial {trial.number + 1}", "running"))

    on_event(StepEvent("Trial 0", "running"))
    found = search_sets(
        use_case.tuning.ranges,
        default,
        objective,
        trials,
        use_case.tuning.seed,
        workspace.workdir / "tuning" / use_case.name / "trials.sqlite",
        # Sets that were compared on other rows, or against other settings, do not help this search.
        f"{window[0]} {settings_hash(use_case)} {rows.digest[:12]}",
        report,
    )
    return found, objective.validation_rows


def _detail(trial: Trial) -> str:
    if trial.score is None:
        return "diverged"
    return f"value {trial.score.value:+.4f}, standard error {trial.score.standard_error:.4f}"
