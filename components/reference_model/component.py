"""ReferenceModel: the version that was in production some time ago as an artifact.

The version in production comes from the step ProductionModel, so both steps look at one state of the
registry. The age is counted from the moment of the run.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, artifact_utils, component_spec, standard_artifacts

from components.production_model import published
from components.production_model.published import (
    EXAMPLES_KEY,
    REGISTRY_KEY,
    USE_CASE_KEY,
    USE_CASE_NAME_KEY,
    VERSION_KEY,
    Artifacts,
    registry_of,
)
from newsletter_bandit.settings.use_case import UseCase

AGE_DAYS_KEY = "age_days"


class _Earlier(published.LookUp):
    def version(self, input_dict: Artifacts, exec_properties: dict[str, Any]) -> str:
        production = artifact_utils.get_single_instance(input_dict["production_model"])
        current = production.get_string_custom_property(VERSION_KEY)
        if not current:
            return ""
        age = dt.timedelta(days=exec_properties[AGE_DAYS_KEY])
        return registry_of(exec_properties).looked_back(current, age, dt.datetime.now(dt.UTC)) or ""


class Driver(_Earlier, published.Driver):
    """Asks for the earlier version."""


class Executor(_Earlier, published.Executor):
    """Copies the earlier model into the artifact."""


class ReferenceModelSpec(component_spec.ComponentSpec):
    """Inputs: the model in production, the registry's location, an age, and perhaps the run's window. Output:
    the earlier model.
    """

    PARAMETERS = {
        REGISTRY_KEY: component_spec.ExecutionParameter(type=str),
        USE_CASE_NAME_KEY: component_spec.ExecutionParameter(type=str),
        AGE_DAYS_KEY: component_spec.ExecutionParameter(type=int),
        USE_CASE_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "production_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class ReferenceModel(base_component.BaseComponent):
    """Looks up, when it runs, which model was in production some days ago.

    Outputs `model` with the custom property `version`. If that is the model in production, or there is none,
    it has no SavedModel and the version "". Of a refit, it is as ProductionModel's.

    Args:
      production_model: output of ProductionModel.
      registry: root of the registry, a folder or ``gs://`` path.
      use_case_name: use case that the models belong to.
      age_days: how far to look back; while no version is that old, the oldest one stands in.
      use_case, examples: as of ProductionModel.
    """

    SPEC_CLASS = ReferenceModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        production_model: BaseChannel,
        registry: str,
        use_case_name: str,
        age_days: int,
        use_case: UseCase | None = None,
        examples: BaseChannel | None = None,
    ) -> None:
        spec = ReferenceModelSpec(
            production_model=production_model,
            registry=registry,
            use_case_name=use_case_name,
            age_days=age_days,
            model=Channel(type=standard_artifacts.Model),
            **published.window_of(use_case, examples),
        )
        super().__init__(spec=spec)
