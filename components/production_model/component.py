"""ProductionModel: the registry's current model as an artifact."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts

from components.production_model import published
from components.production_model.published import (
    EXAMPLES_KEY,
    REGISTRY_KEY,
    USE_CASE_KEY,
    USE_CASE_NAME_KEY,
    Artifacts,
    registry_of,
)
from newsletter_bandit.settings.use_case import UseCase


class _Current(published.LookUp):
    def version(self, input_dict: Artifacts, exec_properties: dict[str, Any]) -> str:  # noqa: ARG002
        return registry_of(exec_properties).current() or ""


class Driver(_Current, published.Driver):
    """Asks for the version in production."""


class Executor(_Current, published.Executor):
    """Copies the current model into the artifact."""


class ProductionModelSpec(component_spec.ComponentSpec):
    """Inputs: the registry's location, and perhaps the run's window. Output: its current model."""

    PARAMETERS = {
        REGISTRY_KEY: component_spec.ExecutionParameter(type=str),
        USE_CASE_NAME_KEY: component_spec.ExecutionParameter(type=str),
        USE_CASE_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class ProductionModel(base_component.BaseComponent):
    """Looks up, when it runs, which model is in production.

    Outputs `model` with the custom property `version`. If nothing is in production, it has no SavedModel and
    the version "". Of a refit, it also has the judged model, unless that is not needed; see `published`.

    Args:
      registry: root of the registry, a folder or ``gs://`` path.
      use_case_name: use case that the model belongs to.
      use_case: gives the window of a training that knows refits; None otherwise.
      examples: channel of its Examples, which name the day of the run; None likewise.
    """

    SPEC_CLASS = ProductionModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        registry: str,
        use_case_name: str,
        use_case: UseCase | None = None,
        examples: BaseChannel | None = None,
    ) -> None:
        spec = ProductionModelSpec(
            registry=registry,
            use_case_name=use_case_name,
            model=Channel(type=standard_artifacts.Model),
            **published.window_of(use_case, examples),
        )
        super().__init__(spec=spec)
