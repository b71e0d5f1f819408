"""ServingModelResolver: chooses which of the two policies is served, and by which criteria."""

from __future__ import annotations

from typing import Any

from absl import logging
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import Artifact, BaseChannel, Channel, artifact_utils, component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import path_utils

from components.serving_model_resolver.decision import decide
from components.serving_model_resolver.signatures import alias_signature
from newsletter_bandit.files import copy_tree
from newsletter_bandit.registry.evidence import Metrics
from newsletter_bandit.settings.use_case import UseCase


class Executor(base_executor.BaseExecutor):
    """Copies the model and names the signature that is served."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the resolved model and `decision.json`.

        Raises:
          DataError: the evaluation lacks a figure that decides, or the model the chosen signature.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties["use_case"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        metrics = Metrics.read(artifact_utils.get_single_uri(input_dict["evaluation"]))
        overall = metrics.overall
        candidate = overall.candidate
        earned = candidate.eval_policy.values["dr"].value
        decision = decide(
            candidate.exploration_cost, earned, overall.score_floor, use_case, metrics.constraints
        )

        source = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        target = path_utils.serving_model_dir(artifact_utils.get_single_uri(output_dict["resolved_model"]))
        copy_tree(source, target)
        alias_signature(target, decision.policy)
        decision.write(artifact_utils.get_single_uri(output_dict["decision"]))
        logging.info("Serves the %s: %s.", decision.policy, "; ".join(decision.reasons))


class ServingModelResolverSpec(component_spec.ComponentSpec):
    """Inputs: model and evaluation. Outputs: resolved model and decision."""

    PARAMETERS = {"use_case": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }
    OUTPUTS = {
        "resolved_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "decision": component_spec.ChannelParameter(type=simple_artifacts.File),
    }


class ServingModelResolver(base_component.BaseComponent):
    """Chooses between the serving policy, which explores, and the eval policy, which does not.

    Outputs `resolved_model`, the model with a further signature `serving_default`, and `decision`, a folder
    with `decision.json`.

    Args:
      model: channel of the Trainer's model, with the signatures `serving_policy` and `eval_policy`.
      evaluation: channel of the Evaluator's ModelEvaluation with `metrics.json`.
      use_case: gives the bounds of exploration and the freshness.
    """

    SPEC_CLASS = ServingModelResolverSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, model: BaseChannel, evaluation: BaseChannel, use_case: UseCase) -> None:
        spec = ServingModelResolverSpec(
            model=model,
            evaluation=evaluation,
            use_case=use_case.to_json(),
            resolved_model=Channel(type=standard_artifacts.Model),
            decision=Channel(type=simple_artifacts.File),
        )
        super().__init__(spec=spec)
