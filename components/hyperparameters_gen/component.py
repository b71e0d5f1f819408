"""HyperparametersGen: the hyperparameters of a run as an artifact."""

from __future__ import annotations

import os
from typing import Any

from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import Artifact, Channel, artifact_utils, component_spec, standard_artifacts

from components.hyperparameters_gen.hyperparameters import FILE_NAME, hyperparameters, to_json
from newsletter_bandit.files import write_bytes
from newsletter_bandit.settings.use_case import UseCase


class Executor(base_executor.BaseExecutor):
    """Writes the dictionary as the artifact's only file."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `best_hyperparameters.txt`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict["hyperparameters"])
        write_bytes(os.path.join(folder, FILE_NAME), exec_properties["content"].encode())


class HyperparametersGenSpec(component_spec.ComponentSpec):
    """The file's content in, hyperparameters out."""

    PARAMETERS = {"content": component_spec.ExecutionParameter(type=str)}
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters)}


class HyperparametersGen(base_component.BaseComponent):
    """Creates a dictionary with hyperparameters, for the Trainer.

    Outputs `hyperparameters`; TFX's Trainer hands the dictionary to `run_fn` as `fn_args.hyperparameters`.

    Args:
      use_case: whose hyperparameters; what a search found is already merged into it.
    """

    SPEC_CLASS = HyperparametersGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, use_case: UseCase) -> None:
        spec = HyperparametersGenSpec(
            content=to_json(hyperparameters(use_case)),
            hyperparameters=Channel(type=standard_artifacts.HyperParameters),
        )
        super().__init__(spec=spec)
