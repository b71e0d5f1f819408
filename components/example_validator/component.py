"""TFX's ExampleValidator, made strict: data that contradicts the curated schema stops the run."""

from __future__ import annotations

import os
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator import executor as tfx_executor
from tfx.components.example_validator.component import ExampleValidator
from tfx.dsl.components.base import executor_spec
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils

from pipelines.errors import DataError

_ANOMALIES_FILE = "SchemaDiff.pb"


class Executor(tfx_executor.Executor):
    """Writes the anomalies as TFX does, then fails where there are any."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> Any:
        """Validates each split.

        Raises:
          DataError: names each feature that contradicts the schema, how, and in which split.
        """
        result = super().Do(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict["anomalies"])
        found = []
        for split in artifact_utils.decode_split_names(artifact.split_names):
            folder = artifact_utils.get_split_uri([artifact], split)
            anomalies = anomalies_pb2.Anomalies()
            anomalies.ParseFromString(io_utils.read_bytes_file(os.path.join(folder, _ANOMALIES_FILE)))
            found += describe(anomalies, split)
        if found:
            raise DataError("the data contradicts the curated schema:\n" + "\n".join(found))
        return result


def describe(anomalies: anomalies_pb2.Anomalies, split: str) -> list[str]:
    """One line an anomaly: split, feature and what is wrong; sorted by feature."""
    lines = [
        f"  {split} split, {name}: {info.description or info.short_description}"
        for name, info in sorted(anomalies.anomaly_info.items())
    ]
    if anomalies.HasField("dataset_anomaly_info"):
        lines.append(f"  {split} split: {anomalies.dataset_anomaly_info.description}")
    return lines


class StrictExampleValidator(ExampleValidator):
    """Takes `statistics` and `schema`; emits `anomalies`, or fails."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
