"""HyperparametersGen: the hyperparameters of a run as an artifact."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import Artifact, Channel, artifact_utils, component_spec, standard_artifacts

from components.hyperparameters_gen.hyperparameters import FILE_NAME, hyperparameters, merged, parse, to_json
from components.hyperparameters_gen.tuned_set import TunedSet
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
        """Writes `best_hyperparameters.txt`.

        Raises:
          SettingsError: an override is unknown or out of range.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties["use_case"])
        values = hyperparameters(use_case, json.loads(exec_properties["overrides"]))
        folder = artifact_utils.get_single_uri(output_dict["hyperparameters"])
        write_bytes(os.path.join(folder, FILE_NAME), to_json(values).encode())


class HyperparametersGenSpec(component_spec.ComponentSpec):
    """Settings as JSON in, hyperparameters out."""

    PARAMETERS = {
        "use_case": component_spec.ExecutionParameter(type=str),
        "overrides": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters)}


class HyperparametersGen(base_component.BaseComponent):
    """Creates a dictionary with hyperparameters, for the Trainer.

    Outputs `hyperparameters`; TFX's Trainer hands the dictionary to `run_fn` as `fn_args.hyperparameters`.

    Args:
      use_case: where they come from.
      tuned: what `newsletter-bandit tune` found; its values take the place of the use case's.
      overrides: values that differ from those, by section; see `hyperparameters.hyperparameters`.

    Attributes:
      use_case: with the hyperparameters that it emits in the place of its own.

    Raises:
      SettingsError: an override is unknown or out of range.
    """

    SPEC_CLASS = HyperparametersGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        use_case: UseCase,
        tuned: TunedSet | None = None,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        changes: dict[str, dict[str, Any]] = {} if tuned is None else tuned.overrides
        for section, values in (overrides or {}).items():
            changes[section] = {**changes.get(section, {}), **values}
        # Before the run rather than in it.
        self.use_case = merged(use_case, parse(hyperparameters(use_case, changes)))
        spec = HyperparametersGenSpec(
            use_case=use_case.to_json(),
            overrides=json.dumps(changes, sort_keys=True),
            hyperparameters=Channel(type=standard_artifacts.HyperParameters),
        )
        super().__init__(spec=spec)
