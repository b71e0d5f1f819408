"""Executor of BigQueryExampleGen: TFX's own, with a limit on the bytes read."""

from __future__ import annotations

import json
from typing import Any

from absl import logging
from tfx import types
from tfx.extensions.google_cloud_big_query.example_gen import executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import proto_utils, telemetry_utils

from components.example_gen.executor import date_query
from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse
from newsletter_bandit.warehouse.bigquery import BigQuery


class Executor(executor.Executor):
    """Checks with a dry run what the query would read and if it finds rows; then runs TFX's executor.

    Beam exports through files in a bucket and has no limit on bytes, so the limit is checked here. The
    environment's labels are also put on the export's jobs.
    """

    _beam_pipeline_args: list[str] | None

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the query and writes the splits.

        Args:
          input_dict: empty.
          output_dict: `examples`.
          exec_properties: those of QueryBasedExampleGen, `run_date` and `use_case`; `custom_config` holds
            `warehouse` and `labels`.

        Raises:
          SettingsError: no window is complete on the run date, the query would read more than the environment
            allows, or Beam has no bucket to export to.
          DataError: a table or column is missing, or the query finds no row.
        """
        settings = json.loads(exec_properties[keys.CUSTOM_CONFIG_KEY])["custom_config"]["value"]
        warehouse = BigQueryWarehouse.model_validate_json(settings["warehouse"])
        labels = {**warehouse.labels, **settings["labels"]}
        input_config = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties[keys.INPUT_CONFIG_KEY], input_config)
        (source,) = input_config.splits
        examples = artifact_utils.get_single_instance(output_dict[keys.EXAMPLES_KEY])
        source.pattern = date_query(source.pattern, exec_properties, examples, warehouse)

        self._beam_pipeline_args = _with_project(self._beam_pipeline_args or [], warehouse)
        client = BigQuery(warehouse, settings["labels"])
        expected = client.bytes_of(source.pattern)
        _, (count,) = client.rows(f"SELECT COUNT(*) AS n FROM ({source.pattern})")
        if not count["n"]:
            raise DataError(
                f"BigQuery project {warehouse.project}: no rows: {source.pattern.splitlines()[0].strip('- ')}"
            )
        logging.info("BigQuery reads %d bytes for %d rows", expected, count["n"])

        others = {key: value for key, value in exec_properties.items() if key != keys.CUSTOM_CONFIG_KEY}
        others[keys.INPUT_CONFIG_KEY] = proto_utils.proto_to_json(input_config)
        with telemetry_utils.scoped_labels(labels):
            super().Do(input_dict, output_dict, others)


def _with_project(beam_args: list[str], warehouse: BigQueryWarehouse) -> list[str]:
    """Beam's options with the project to run in: the warehouse's, unless they name one."""
    names = {arg.split("=", 1)[0] for arg in beam_args}
    if "--temp_location" not in names:
        raise SettingsError(
            "processing.beam_args: no --temp_location; BigQuery's rows are exported through a bucket: add "
            "--temp_location=gs://BUCKET/temp, or use the runner dataflow, which has one"
        )
    return beam_args if "--project" in names else [*beam_args, f"--project={warehouse.project}"]
