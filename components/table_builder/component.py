"""TableBuilder: builds the table that a pipeline reads, for the day of the run.

It runs where nobody runs `newsletter-bandit build-tables` first: in a pipeline that a schedule starts. Each
pipeline builds the table that it reads, so a training of an earlier day leaves the users of today alone.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any, Literal

from absl import logging
from pydantic import TypeAdapter
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import Artifact, Channel, artifact_utils, component_spec
from tfx.types.experimental import simple_artifacts

from newsletter_bandit.files import write_text
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse import loading
from newsletter_bandit.warehouse.queries import Warehouse
from newsletter_bandit.warehouse.run_date import resolve
from newsletter_bandit.warehouse.tables.build import Plan, build

REPORT_FILE = "report.txt"


class Executor(base_executor.BaseExecutor):
    """Builds the table and keeps the report."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Builds, and writes the report as text; of the training table also what a later report tells.

        Raises:
          UserError: as `newsletter_bandit.warehouse.tables.build.build`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties["use_case"])
        warehouse: Warehouse = TypeAdapter(Warehouse).validate_json(exec_properties["warehouse"])
        plan = Plan.of_day(use_case, resolve(exec_properties["run_date"])).only(exec_properties["table"])
        report = build(warehouse, use_case, plan)
        logging.info("%s", report)
        folder = artifact_utils.get_single_uri(output_dict["report"])
        write_text(os.path.join(folder, REPORT_FILE), f"{report}\n")
        trained_on = report.of(use_case.tables.training)
        if trained_on is not None:
            loading.keep(folder, trained_on.loading(dt.datetime.now(dt.UTC)))


class TableBuilderSpec(component_spec.ComponentSpec):
    """Input: settings and the day. Output: the report."""

    PARAMETERS = {
        "use_case": component_spec.ExecutionParameter(type=str),
        "warehouse": component_spec.ExecutionParameter(type=str),
        "table": component_spec.ExecutionParameter(type=str),
        "run_date": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = {"report": component_spec.ChannelParameter(type=simple_artifacts.File)}


class TableBuilder(base_component.BaseComponent):
    """Builds the training or inference table from the raw ones, for the day on which it runs.

    Outputs `report`, a folder with `report.txt`, and with `loading.json` if it is the training table.

    Args:
      use_case: names the tables.
      warehouse: where they are.
      table: the one to build.
      run_date: YYYY-MM-DD, or "" for the day of the run.
    """

    SPEC_CLASS = TableBuilderSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        use_case: UseCase,
        warehouse: Warehouse,
        table: Literal["training", "inference"],
        run_date: str | RuntimeParameter,
    ) -> None:
        spec = TableBuilderSpec(
            use_case=use_case.to_json(),
            warehouse=warehouse.model_dump_json(),
            table=table,
            run_date=run_date,
            report=Channel(type=simple_artifacts.File),
        )
        super().__init__(spec=spec)
