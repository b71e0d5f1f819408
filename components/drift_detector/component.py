"""DriftDetector as a TFX component."""

from __future__ import annotations

from typing import Any

from absl import logging
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import Artifact, BaseChannel, Channel, artifact_utils, component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.drift_detector import statistics
from components.drift_detector.comparing import compare, first
from components.drift_detector.distances import distances
from components.production_model.published import VERSION_KEY
from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Drift, Statistics
from newsletter_bandit.settings.use_case import UseCase

# What the model learns from; the other split has users of the same days.
_SPLIT = "train"


class Executor(base_executor.BaseExecutor):
    """Compares the training rows with those of the version in production."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `drift.json`, and `statistics.json` for the next run.

        Raises:
          DataError: features drifted, and the settings stop the training then; or the registry is damaged.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties["use_case"])
        production = artifact_utils.get_single_instance(input_dict["production_model"])
        found = artifact_utils.get_single_instance(input_dict["statistics"])
        now = statistics.read(artifact_utils.get_split_uri([found], _SPLIT), use_case)
        registry = Registry(exec_properties["registry"], use_case.name)
        drift = detect(registry, production.get_string_custom_property(VERSION_KEY), now, use_case)
        folder = artifact_utils.get_single_uri(output_dict["drift"])
        now.write(folder)
        drift.write(folder)
        logging.info("Drift: %s.", drift.words)
        if drift.drifted and use_case.drift.when_beyond == "stop":
            raise DataError(
                f"drift: {drift.words}. Find out if the world changed or the data: correct the data and load "
                "it again; or raise the bound, name the feature under drift.ignored, or set "
                "drift.when_beyond: report, which trains on it."
            )


def detect(registry: Registry, version: str, now: Statistics, use_case: UseCase) -> Drift:
    """The drift since a version was trained.

    Args:
      registry: of the use case.
      version: in production; "" if nothing is.
      now: statistics of the run's training rows.
      use_case: has the bounds.
    """
    if not version:
        return first("no model is in production yet", now)
    before = registry.kept(version, Statistics)
    if before is None:
        return first(f"{version}, in production, was published without statistics", now)
    return compare(version, before, now, distances(before, now), use_case.drift)


class DriftDetectorSpec(component_spec.ComponentSpec):
    """Inputs: statistics, the model in production, the registry's location. Output: drift."""

    PARAMETERS = {
        "registry": component_spec.ExecutionParameter(type=str),
        "use_case": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "production_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {"drift": component_spec.ChannelParameter(type=simple_artifacts.File)}


class DriftDetector(base_component.BaseComponent):
    """Measures how far each feature moved since the version in production was trained.

    Outputs `drift`, a folder with `drift.json` and with the `statistics.json` that a published version keeps.

    Args:
      statistics: channel of StatisticsGen's ExampleStatistics.
      production_model: output of ProductionModel.
      registry: root of the registry, a folder or ``gs://`` path.
      use_case: names the features and the bounds.
    """

    SPEC_CLASS = DriftDetectorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, statistics: BaseChannel, production_model: BaseChannel, registry: str, use_case: UseCase
    ) -> None:
        spec = DriftDetectorSpec(
            statistics=statistics,
            production_model=production_model,
            registry=registry,
            use_case=use_case.to_json(),
            drift=Channel(type=simple_artifacts.File),
        )
        super().__init__(spec=spec)
