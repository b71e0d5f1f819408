"""A step that emits a published model: which one is asked of the registry before TFX looks into its cache.

TFX cannot switch its cache off for one step. Here the local runner asks `Driver` first, and the version that
it finds is part of the cache's key: a moved pointer is never answered from the cache. Vertex AI runs no
driver; `pipelines.cloud.compiling` takes such a step out of its cache.
"""

from __future__ import annotations

import datetime as dt
import os
from abc import ABC, abstractmethod
from typing import Any

from absl import logging
from tfx.dsl.components.base import base_driver, base_executor
from tfx.orchestration.portable import base_driver as portable_driver
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import Artifact, BaseChannel, artifact_utils

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import copy_tree, files_of
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Refitted
from newsletter_bandit.registry.registry import JUDGED_MODEL, SAVED_MODEL, SERVING
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.run_date import RUN_DATE, resolve

REGISTRY_KEY = "registry"
USE_CASE_NAME_KEY = "use_case_name"
# Optional: by them a step knows the window of its run. Without them, no window is known to be unseen.
USE_CASE_KEY, EXAMPLES_KEY = "use_case", "examples"
# Name of both the property that the driver adds and the artifact's custom property.
VERSION_KEY = "version"
# Custom property: the last day of the newsletters that the version learned from, ISO 8601; "" where the
# registry does not know.
TRAINED_UNTIL = "trained_until"

Artifacts = dict[str, list[Artifact]]


def registry_of(exec_properties: dict[str, Any]) -> Registry:
    """The registry of a step's use case."""
    return Registry(exec_properties[REGISTRY_KEY], exec_properties[USE_CASE_NAME_KEY])


def window_of(use_case: UseCase | None, examples: BaseChannel | None) -> dict[str, Any]:
    """The optional arguments of a step's specification; none where the run knows no refits."""
    if use_case is None or examples is None:
        return {}
    return {USE_CASE_KEY: use_case.to_json(), EXAMPLES_KEY: examples}


class LookUp(ABC):
    """Says which version is meant."""

    @abstractmethod
    def version(self, input_dict: Artifacts, exec_properties: dict[str, Any]) -> str:
        """The version's name; "" if there is none."""


class Driver(LookUp, base_driver.BaseDriver, portable_driver.BaseDriver):
    """Asks the registry before TFX looks into its cache."""

    def __init__(self, metadata_handle: Any) -> None:
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Adds the version to the execution's properties; "" if there is none.

        Raises:
          DataError: as `Executor.Do`, also where the cache holds an earlier copy of the version.
        """
        output = driver_output_pb2.DriverOutput()
        version = self.version(execution_info.input_dict, execution_info.exec_properties)
        if version:
            registry_of(execution_info.exec_properties).require_intact(version)
        output.exec_properties[VERSION_KEY].string_value = version
        return output


class Executor(LookUp, base_executor.BaseExecutor):
    """Copies the model into the artifact."""

    def Do(
        self, input_dict: Artifacts, output_dict: dict[str, list[Artifact]], exec_properties: dict[str, Any]
    ) -> None:
        """Emits the model, or an empty artifact if there is none.

        Raises:
          DataError: the registry's pointer or a version's evidence is damaged, or the version is missing; or
            a file of it is not what was published.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        version = exec_properties.get(VERSION_KEY)
        if version is None:
            version = self.version(input_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict["model"])
        model.set_string_custom_property(VERSION_KEY, version)
        if version:
            registry = registry_of(exec_properties)
            copy_tree(registry.model_uri(version), model.uri)
            # After the copy: what is used is what was compared.
            registry.require_intact(version, model.uri)
            judged = registry.judged_model_uri(version)
            refitted = registry.kept(version, Refitted) if judged is not None else None
            if judged is not None and refitted is not None and _sees(refitted, input_dict, exec_properties):
                copy_tree(judged, os.path.join(model.uri, JUDGED_MODEL))
                logging.info("%s is a refit; for trainings, the model judged before it stands in.", version)
            model.set_string_custom_property(TRAINED_UNTIL, _trained_until(registry, version))
        logging.info("Published model: %s.", version or "none")


def for_training(model_uri: str) -> str:
    """Folder of the SavedModel that a training takes for a published one; it may hold none.

    Args:
      model_uri: folder of the artifact.
    """
    judged = os.path.join(model_uri, JUDGED_MODEL, SERVING)
    if files_of(model_uri).exists(os.path.join(judged, SAVED_MODEL)):
        return judged
    return os.path.join(model_uri, SERVING)


def _sees(refitted: Refitted, input_dict: Artifacts, exec_properties: dict[str, Any]) -> bool:
    """The refit may have learned from held-out rows of the run's window; true where that is not known."""
    if not input_dict.get(EXAMPLES_KEY):
        return True
    examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
    day = resolve(examples.get_string_custom_property(RUN_DATE))
    return refitted.has_seen(TrainingDays.of(UseCase.from_json(exec_properties[USE_CASE_KEY]), day).window[0])


def _trained_until(registry: Registry, version: str) -> str:
    try:
        looks = registry.looks.all()
    except DataError as error:  # no reason to leave users without rankings
        logging.warning("Not known what %s learned from: %s", version, error)
        return ""
    look = next((look for look in looks if look.version == version), None)
    if look is None:
        return ""
    return (dt.date.fromisoformat(look.window[1]) - dt.timedelta(days=1)).isoformat()
