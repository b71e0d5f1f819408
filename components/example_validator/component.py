"""ExampleValidator that stops the run; TFX's own only records the anomalies."""

from __future__ import annotations

import os
from typing import Any

from tensorflow_data_validation.utils.anomalies_util import load_anomalies_binary
from tfx import types
from tfx.components.example_validator import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys

from components.example_validator.anomalies import describe
from newsletter_bandit.errors import DataError

_REMEDY = (
    "If these values are wrong, mend and load them again. If they are right, as after a change of the "
    "reward's terms, of their clips or of the features, write the schema anew, and review it: "
    "`newsletter-bandit schema --overwrite`"
)


class StrictExecutor(executor.Executor):
    """TFX's executor, followed by an error if it found an anomaly."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> execution_result_pb2.ExecutorOutput:
        """Validates each split, writes the anomalies as TFX does, and then fails if there are any.

        Raises:
          DataError: one line per split, feature and anomaly.
        """
        output = super().Do(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict[keys.ANOMALIES_KEY])
        faults = []
        for split in artifact_utils.decode_split_names(artifact.split_names):
            folder = artifact_utils.get_split_uri([artifact], split)
            anomalies = load_anomalies_binary(os.path.join(folder, executor.DEFAULT_FILE_NAME))
            faults += [f"split {split}: {fault}" for fault in describe(anomalies)]
        if faults:
            listed = "\n  ".join(faults)
            raise DataError(f"the examples contradict the curated schema:\n  {listed}\n{_REMEDY}")
        return output


class StrictExampleValidator(component.ExampleValidator):
    """ExampleValidator whose step fails if a split has an anomaly; emits `anomalies`."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(StrictExecutor)
