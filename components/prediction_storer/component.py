"""PredictionStorer as a TFX component."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.experimental.simple_artifacts import File

from components.prediction_storer.executor import Executor
from components.prediction_storer.reporting import options_to_text
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore
from newsletter_bandit.settings.use_case import UseCase


class PredictionStorerSpec(types.ComponentSpec):
    """Inputs, outputs and properties of `PredictionStorer`; settings travel as JSON."""

    PARAMETERS = {
        "use_case": ExecutionParameter(type=str),
        "store": ExecutionParameter(type=str),
        "last_stored": ExecutionParameter(type=str),
        "options": ExecutionParameter(type=str),
        "force": ExecutionParameter(type=int),
    }
    INPUTS = {"predictions": ChannelParameter(type=standard_artifacts.Examples)}
    # TFX's own type, because its entry point on Vertex AI cannot import a type of this project by its title.
    OUTPUTS = {"summary": ChannelParameter(type=File)}


class PredictionStorer(base_beam_component.BaseBeamComponent):
    """Checks BulkInferrer's rankings and writes them to the store.

    Emits `summary`, a folder with `summary.json`, `dead_letters.jsonl` for the rows that were refused, and
    the page of the day: `prediction_day.html` for people, and `prediction_day.json`, of which it is made.

    Args:
      predictions: BulkInferrer's `output_examples`, split ``inference``; its properties `version` and
        `run_date` say which model made them and for which day.
      store: store that the rankings go to.
      last_stored: file, on this machine or in a bucket, with the first slots of the last run that stored; a
        run is compared with it and replaces it.
      use_case: its recommenders and storing settings are used; the expiry comes with the predictions.
      options: options of the command that predicts, for the commands on the page; None where unknown.
      force: whether rankings of a later day may be replaced.
    """

    SPEC_CLASS = PredictionStorerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        predictions: types.BaseChannel[Any],
        store: SQLiteStore | DatastoreStore,
        use_case: UseCase,
        last_stored: str,
        options: str | None = None,
        force: bool = False,
    ) -> None:
        super().__init__(
            spec=PredictionStorerSpec(
                predictions=predictions,
                use_case=use_case.to_json(),
                store=store.model_dump_json(),
                last_stored=last_stored,
                options=options_to_text(options),
                force=int(force),
                summary=types.Channel(type=File),
            )
        )
