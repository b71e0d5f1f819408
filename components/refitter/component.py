"""Refitter: trains a blessed model again, on all rows, and emits the one that is published.

The step stands behind the Evaluator, so that the verdict is on a model that has not seen the rows which judge
it. It runs in a container of its own, also where the Trainer starts a training job.
"""

from __future__ import annotations

import json
import os
from typing import Any

from absl import logging
from pydantic import TypeAdapter
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import Artifact, BaseChannel, Channel, artifact_utils, component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils, path_utils

from components.hyperparameters_gen.hyperparameters import joined, without_hyperparameters
from components.production_model.published import for_training
from newsletter_bandit.files import copy_tree, read_bytes
from newsletter_bandit.registry.evidence import Refitted
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.campaigns import campaigns
from newsletter_bandit.warehouse.queries import Warehouse
from newsletter_bandit.warehouse.run_date import RUN_DATE, resolve

# Below the output `refit`.
_MODEL, _ROWS = "refitted_model", "held_out"


class Executor(base_executor.BaseExecutor):
    """Trains again if the model is blessed, and chooses."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the model that is published, and `refit.json` beside the second model.

        Raises:
          SettingsError: the hyperparameters do not fit the use case.
          DataError: a split holds no file, or no held-out user has a recommender to choose.
          UserError: the warehouse cannot be read.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict["refit"])
        judged = _saved_model(artifact_utils.get_single_instance(input_dict["judged_model"]))
        blessing = artifact_utils.get_single_instance(input_dict["model_blessing"])
        second = os.path.join(folder, _MODEL)
        if model_utils.is_model_blessed(blessing):
            found = self._refit(input_dict, exec_properties, judged, folder, second)
        else:
            from components.refitter.refitting import NOT_BLESSED

            found = NOT_BLESSED
        target = path_utils.serving_model_dir(artifact_utils.get_single_uri(output_dict["model"]))
        copy_tree(second if found.taken else judged, target)
        found.write(folder)
        logging.info("Refit: %s.", found.words)

    def _refit(
        self,
        input_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
        judged: str,
        folder: str,
        second: str,
    ) -> Refitted:
        # They load TensorFlow, which building a pipeline does not need.
        import tensorflow_transform as tft

        from components.example_gen.example_files import split_files
        from components.refitter.held_out import judged_again_from, without
        from components.refitter.refitting import Rows, refit

        values = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["hyperparameters"]))
        use_case = joined(exec_properties["use_case"], json.loads(read_bytes(values)))
        warehouse: Warehouse = TypeAdapter(Warehouse).validate_json(exec_properties["warehouse"])
        (examples,) = input_dict["examples"]
        days = TrainingDays.of(use_case, resolve(examples.get_string_custom_property(RUN_DATE)))
        until, end = judged_again_from(use_case, days), days.window[1]
        left_out = campaigns(warehouse, use_case, until, end) if until < end else frozenset[str]()
        asked = split_files(input_dict["examples"], "eval")
        held_out = split_files(input_dict["transformed_examples"], "eval")
        rows_folder = os.path.join(folder, _ROWS)
        fileio.makedirs(rows_folder)
        base_model = None
        if use_case.warm_start.enabled and input_dict.get("production_model"):
            base_model = for_training(artifact_utils.get_single_uri(input_dict["production_model"]))
        rows = Rows(
            split_files(input_dict["transformed_examples"], "train"),
            without(left_out, asked, held_out, rows_folder),
            asked,
            until,
        )
        graph = tft.TFTransformOutput(artifact_utils.get_single_uri(input_dict["transform_graph"]))
        return refit(use_case, rows, graph, judged, base_model, second)


def _saved_model(model: Artifact) -> str:
    return str(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))


class RefitterSpec(component_spec.ComponentSpec):
    """Inputs: the judged model, its blessing, and what it was trained with. Outputs: model and refit."""

    PARAMETERS = {
        "use_case": component_spec.ExecutionParameter(type=str),
        "warehouse": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "judged_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "transformed_examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        "hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters),
        "production_model": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "refit": component_spec.ChannelParameter(type=simple_artifacts.File),
    }


class Refitter(base_component.BaseComponent):
    """Trains a blessed model again on all rows, and keeps the second model if it agrees with the first.

    Outputs `model`, the one that is published, and `refit`, a folder with `refit.json` and the second model.

    Args:
      judged_model: channel of the Trainer's model, which the Evaluator judged.
      model_blessing: channel of the Evaluator's blessing; a model without it is not trained again.
      examples: channel of ExampleGen's Examples with the split `eval`, which name the day of the run.
      transformed_examples: channel of Transform's, of the same rows.
      transform_graph: channel of Transform's graph.
      hyperparameters: channel of agent, weighting and exploration, as the Trainer's.
      use_case: everything else, and the bounds of `refit`.
      warehouse: where the training table is; it says which campaigns the next window judges by.
      production_model: the model that a warm start begins with.
    """

    SPEC_CLASS = RefitterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        judged_model: BaseChannel,
        model_blessing: BaseChannel,
        examples: BaseChannel,
        transformed_examples: BaseChannel,
        transform_graph: BaseChannel,
        hyperparameters: BaseChannel,
        use_case: UseCase,
        warehouse: Warehouse,
        production_model: BaseChannel | None = None,
    ) -> None:
        spec = RefitterSpec(
            judged_model=judged_model,
            model_blessing=model_blessing,
            examples=examples,
            transformed_examples=transformed_examples,
            transform_graph=transform_graph,
            hyperparameters=hyperparameters,
            production_model=production_model,
            use_case=without_hyperparameters(use_case),
            warehouse=warehouse.model_dump_json(),
            model=Channel(type=standard_artifacts.Model),
            refit=Channel(type=simple_artifacts.File),
        )
        super().__init__(spec=spec)
