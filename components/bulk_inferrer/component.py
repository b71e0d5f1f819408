"""BulkInferrer as a TFX component; it calls the published model's serving signature."""

from __future__ import annotations

from typing import Any, Final

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.bulk_inferrer.executor import Executor
from newsletter_bandit.settings.use_case import UseCase

SPLIT: Final = "inference"


class BulkInferrerSpec(types.ComponentSpec):
    """Inputs, outputs and properties of `BulkInferrer`; settings travel as JSON."""

    PARAMETERS = {"use_case": ExecutionParameter(type=str), "split": ExecutionParameter(type=str)}
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {"output_examples": ChannelParameter(type=standard_artifacts.Examples)}


class BulkInferrer(base_beam_component.BaseBeamComponent):
    """Emits `output_examples`, a table of predictions as `components.bulk_inferrer.schema` describes it.

    TFX's own takes no settings, and a model needs those of the day: who is retired or renamed since.

    Args:
      examples: the users, split ``inference``.
      model: model with the signature ``serving_default``.
      use_case: its recommenders, retired and renamed ones are used.
    """

    SPEC_CLASS = BulkInferrerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self, examples: types.BaseChannel[Any], model: types.BaseChannel[Any], use_case: UseCase
    ) -> None:
        super().__init__(
            spec=BulkInferrerSpec(
                examples=examples,
                model=model,
                use_case=use_case.to_json(),
                split=SPLIT,
                output_examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
