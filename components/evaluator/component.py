"""TFX's Evaluator for a use case: counterfactual metrics, and a verdict."""

from __future__ import annotations

from tfx.components import Evaluator as TfxEvaluator
from tfx.dsl.components.base import executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts, standard_component_specs
from tfx.types.experimental import simple_artifacts
from tfx.types.system_executions import Evaluate

from components.evaluator.executor import (
    LOG_KEY,
    REFERENCE_MODEL_KEY,
    REPEAT_CHECK_KEY,
    USE_CASE_KEY,
    Executor,
)
from newsletter_bandit import records
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.window_log import WindowLog


class EvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and the use case, which travels as JSON."""

    PARAMETERS = {
        USE_CASE_KEY: component_spec.ExecutionParameter(type=str),
        LOG_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.BASELINE_MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
        REFERENCE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        REPEAT_CHECK_KEY: component_spec.ChannelParameter(type=simple_artifacts.File, optional=True),
    }
    OUTPUTS = {
        standard_component_specs.EVALUATION_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation
        ),
        standard_component_specs.BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        ),
    }
    TYPE_ANNOTATION = Evaluate


class Evaluator(TfxEvaluator):
    """Compares a candidate with the model in production on the examples' `eval` split.

    Outputs `evaluation` (TFMA's results, `metrics.json`, `verdict.json`, and `explanation.json` unless the
    use case switches it off) and `blessing`.

    Args:
      examples: channel of Examples with an `eval` split.
      model: the candidate, with an `evaluation` signature.
      use_case: gives gate and slices.
      production_model: the model in production, its version in the custom property `version`; an artifact
        without a SavedModel, or no channel, means that nothing is in production.
      reference_model: the earlier version that the candidate is compared with as well, likewise; without it,
        there is no such comparison.
      log: what the window holds, so that the gate sees the newsletters that were left out; None where nobody
        looked, or the use case leaves none out.
      repeat_check: channel of the RepeatGuard's `check`, whose log then takes the place of ``log``.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: BaseChannel,
        model: BaseChannel,
        use_case: UseCase,
        production_model: BaseChannel | None = None,
        reference_model: BaseChannel | None = None,
        log: WindowLog | None = None,
        repeat_check: BaseChannel | None = None,
    ) -> None:
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=production_model,
            reference_model=reference_model,
            use_case=use_case.to_json(),
            log=None if log is None else records.to_json(log.body()),
            repeat_check=repeat_check,
            evaluation=Channel(type=standard_artifacts.ModelEvaluation),
            blessing=Channel(type=standard_artifacts.ModelBlessing),
        )
        # Bypasses TFX's own constructor, which builds the spec of its metrics and thresholds.
        super(TfxEvaluator, self).__init__(spec=spec)
