"""ProductionModel: the registry's current model as an artifact.

TFX cannot switch its cache off for one step. Here the local runner asks `Driver` first, and the version that
it finds is part of the cache's key: a moved pointer is never answered from the cache. Vertex AI runs no
driver; `pipelines.cloud.compiling` takes the step out of its cache.
"""

from __future__ import annotations

from typing import Any

from absl import logging
from tfx.dsl.components.base import base_component, base_driver, base_executor, executor_spec
from tfx.orchestration.portable import base_driver as portable_driver
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import Artifact, Channel, artifact_utils, component_spec, standard_artifacts

from newsletter_bandit.files import copy_tree
from newsletter_bandit.registry import Registry

REGISTRY_KEY = "registry"
USE_CASE_NAME_KEY = "use_case_name"
# Name of both the property that the driver adds and the artifact's custom property.
VERSION_KEY = "version"


def _registry(exec_properties: dict[str, Any]) -> Registry:
    return Registry(exec_properties[REGISTRY_KEY], exec_properties[USE_CASE_NAME_KEY])


class Driver(base_driver.BaseDriver, portable_driver.BaseDriver):
    """Asks the registry before TFX looks into its cache."""

    def __init__(self, metadata_handle: Any) -> None:
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Adds the version in production to the execution's properties; "" if there is none."""
        output = driver_output_pb2.DriverOutput()
        version = _registry(execution_info.exec_properties).current()
        output.exec_properties[VERSION_KEY].string_value = version or ""
        return output


class Executor(base_executor.BaseExecutor):
    """Copies the current model into the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Emits the model, or an empty artifact if nothing is in production.

        Raises:
          DataError: the registry's pointer is damaged or its version is missing.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        registry = _registry(exec_properties)
        version = exec_properties.get(VERSION_KEY)
        if version is None:
            version = registry.current() or ""
        model = artifact_utils.get_single_instance(output_dict["model"])
        model.set_string_custom_property(VERSION_KEY, version)
        if version:
            copy_tree(registry.model_uri(version), model.uri)
        logging.info("In production: %s.", version or "nothing yet")


class ProductionModelSpec(component_spec.ComponentSpec):
    """Input: the registry's location. Output: its current model."""

    PARAMETERS = {
        REGISTRY_KEY: component_spec.ExecutionParameter(type=str),
        USE_CASE_NAME_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class ProductionModel(base_component.BaseComponent):
    """Looks up, when it runs, which model is in production.

    Outputs `model` with the custom property `version`. If nothing is in production, it has no SavedModel and
    the version "".

    Args:
      registry: root of the registry, a folder or ``gs://`` path.
      use_case_name: use case that the model belongs to.
    """

    SPEC_CLASS = ProductionModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(self, registry: str, use_case_name: str) -> None:
        spec = ProductionModelSpec(
            registry=registry,
            use_case_name=use_case_name,
            model=Channel(type=standard_artifacts.Model),
        )
        super().__init__(spec=spec)
