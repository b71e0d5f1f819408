"""ReferenceModel: the version that was in production some time ago as an artifact.

The version in production comes from the step ProductionModel, so both steps look at one state of the
registry. The age is counted from the moment of the run. As there, the local runner asks `Driver` before it
looks into its cache, and Vertex AI runs no driver and no cache for the step.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from absl import logging
from tfx.dsl.components.base import base_component, base_driver, base_executor, executor_spec
from tfx.orchestration.portable import base_driver as portable_driver
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import Artifact, BaseChannel, Channel, artifact_utils, component_spec, standard_artifacts

from components.production_model.component import REGISTRY_KEY, USE_CASE_NAME_KEY, VERSION_KEY
from newsletter_bandit.files import copy_tree
from newsletter_bandit.registry import Registry

AGE_DAYS_KEY = "age_days"


def _registry(exec_properties: dict[str, Any]) -> Registry:
    return Registry(exec_properties[REGISTRY_KEY], exec_properties[USE_CASE_NAME_KEY])


def _version(input_dict: dict[str, list[Artifact]], exec_properties: dict[str, Any]) -> str:
    """The reference's version; "" if there is none."""
    production = artifact_utils.get_single_instance(input_dict["production_model"])
    version = production.get_string_custom_property(VERSION_KEY)
    if not version:
        return ""
    age = dt.timedelta(days=exec_properties[AGE_DAYS_KEY])
    return _registry(exec_properties).looked_back(version, age, dt.datetime.now(dt.UTC)) or ""


class Driver(base_driver.BaseDriver, portable_driver.BaseDriver):
    """Asks the registry before TFX looks into its cache."""

    def __init__(self, metadata_handle: Any) -> None:
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Adds the reference's version to the execution's properties; "" if there is none."""
        output = driver_output_pb2.DriverOutput()
        version = _version(execution_info.input_dict, execution_info.exec_properties)
        output.exec_properties[VERSION_KEY].string_value = version
        return output


class Executor(base_executor.BaseExecutor):
    """Copies the earlier model into the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Emits the model, or an empty artifact if there is none but the one in production.

        Raises:
          DataError: a version's evidence is damaged.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        version = exec_properties.get(VERSION_KEY)
        if version is None:
            version = _version(input_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict["model"])
        model.set_string_custom_property(VERSION_KEY, version)
        if version:
            copy_tree(_registry(exec_properties).model_uri(version), model.uri)
        logging.info("Reference: %s.", version or "none but production")


class ReferenceModelSpec(component_spec.ComponentSpec):
    """Inputs: the model in production, the registry's location, an age. Output: the earlier model."""

    PARAMETERS = {
        REGISTRY_KEY: component_spec.ExecutionParameter(type=str),
        USE_CASE_NAME_KEY: component_spec.ExecutionParameter(type=str),
        AGE_DAYS_KEY: component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {"production_model": component_spec.ChannelParameter(type=standard_artifacts.Model)}
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class ReferenceModel(base_component.BaseComponent):
    """Looks up, when it runs, which model was in production some days ago.

    Outputs `model` with the custom property `version`. If that is the model in production, or there is none,
    it has no SavedModel and the version "".

    Args:
      production_model: output of ProductionModel.
      registry: root of the registry, a folder or ``gs://`` path.
      use_case_name: use case that the models belong to.
      age_days: how far to look back; while no version is that old, the oldest one stands in.
    """

    SPEC_CLASS = ReferenceModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self, production_model: BaseChannel, registry: str, use_case_name: str, age_days: int
    ) -> None:
        spec = ReferenceModelSpec(
            production_model=production_model,
            registry=registry,
            use_case_name=use_case_name,
            age_days=age_days,
            model=Channel(type=standard_artifacts.Model),
        )
        super().__init__(spec=spec)
