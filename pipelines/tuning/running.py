"""Runs the tuning pipeline and the search on this machine, and collects their results."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.events import OnEvent
from pipelines.local import libraries
from pipelines.local.running import run_pipeline
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from components.hyperparameters_gen.tuned_set import TunedSet
    from pipelines.tuning.result import Winner
    from pipelines.tuning.search import Trial


@dataclass(frozen=True)
class TuningOutcome:
    """Outcome of a search.

    Attributes:
      window: first day and day after the last of the rows that were read.
      default: the use case's own value of each hyperparameter that was searched, by path.
      trials: in the order they were made; the first is the use case's own set.
      winner: the best of them.
      tuned: the set that was written.
      path: file that it was written to.
    """

    window: tuple[dt.date, dt.date]
    default: dict[str, Any]
    trials: list[Trial]
    winner: Winner
    tuned: TunedSet
    path: Path


def tune(
    workspace: Workspace,
    days: TrainingDays,
    trials: int | None,
    on_event: OnEvent,
    take_best: bool = False,
) -> TuningOutcome:
    """Searches the ranges of the settings on the window of ``days``, and leaves a set for training.

    That is the best set if it is measurably better than the settings' own, which stay otherwise.

    Args:
      workspace: what to search for, and where the trials and the outcome are kept.
      days: of the run.
      trials: sets to compare, those of an interrupted search included; None takes the settings' number.
      on_event: called as each step and each trial begins and ends.
      take_best: leaves the best set in any case.

    Raises:
      SettingsError: the settings name no range, or one that cannot be searched; or there is no curated
        schema.
      DataError: the window holds no rows, or rows that contradict the schema or cannot be compared on.
    """
    use_case, environment = workspace.use_case, workspace.environment
    from components.hyperparameters_gen.tuned_set import tunable
    from pipelines.tuning.space import check_ranges

    check_ranges(use_case, str(workspace.use_case_path))
    own = tunable(use_case)
    default = {path: own[path] for path in use_case.tuning.ranges}
    schema_file = workspace.require_schema_file()
    libraries.load()

    from pipelines.local.executions import Executions
    from pipelines.metadata import connection_config
    from pipelines.tuning import result
    from pipelines.tuning.pipeline import create, pipeline_name
    from pipelines.tuning.trials import search

    pipeline = create(use_case, environment, schema_file, days)
    executions = Executions(connection_config(environment.metadata), pipeline_name(use_case))
    run_pipeline(workspace, days.run_date, pipeline, executions, on_event, None)
    found, rows = search(
        workspace, days.window, default, pipeline, executions, trials or use_case.tuning.trials, on_event
    )
    winner = result.winner(found, rows, use_case.gate.confidence)
    tuned = result.tuned_set(use_case, winner, len(found), rows, days.window, take_best)
    tuned.write(str(workspace.tuned_file))
    return TuningOutcome(days.window, default, found, winner, tuned, workspace.tuned_file)
