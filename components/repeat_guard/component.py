"""RepeatGuard: says whether a training would only repeat an earlier one, before anything expensive runs.

On one machine, `newsletter-bandit train` asks this before it starts a pipeline. A schedule has nobody who
could ask, so there the pipeline itself begins with this step. The other steps stand under the condition
`is_new`. TFX compiles it to a trigger policy of each of them: they are not triggered, and the run ends as a
success, which raises no alarm and is not tried again.
"""

from __future__ import annotations

import os
from typing import Any

from absl import logging
from pydantic import TypeAdapter
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.placeholder.placeholder import Predicate
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import Artifact, BaseChannel, Channel, artifact_utils, component_spec
from tfx.types.experimental import simple_artifacts

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.files import write_text
from newsletter_bandit.registry import AGAIN, Registry
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse import loading, window_log
from newsletter_bandit.warehouse.arms import arm_summary
from newsletter_bandit.warehouse.fingerprint import fingerprint
from newsletter_bandit.warehouse.queries import Warehouse, training_query
from newsletter_bandit.warehouse.run_date import dated, resolve

REPORT_FILE = "report.txt"
# Custom properties of the artifact: the rows' fingerprint, and what the guard found.
ROWS_KEY, FOUND_KEY = "rows", "found"
NEW, REPEATED = "new", "repeated"


class Executor(base_executor.BaseExecutor):
    """Compares rows, settings and production with the registry's looks."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes what it found as text and as the artifact's custom properties, and what the window of a
        training holds.

        Raises:
          SettingsError: no window is complete on the run date, or `again` is neither "yes" nor "".
          UserError: the table is missing, or the registry is damaged.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties["use_case"])
        warehouse: Warehouse = TypeAdapter(Warehouse).validate_json(exec_properties["warehouse"])
        again = exec_properties["again"]
        if again not in ("", AGAIN):
            raise SettingsError(f"again: found {again!r}; allowed: {AGAIN}, or nothing")
        days = TrainingDays.of(use_case, resolve(exec_properties["run_date"]))
        query = dated(exec_properties["query"], use_case, days.run_date.isoformat()).query
        rows = fingerprint(warehouse, query)
        registry = Registry(exec_properties["registry"], use_case.name)
        earlier = registry.judged_before(days.window, exec_properties["use_case"], rows)
        if earlier is None:
            words = "Trained: no model was judged on these rows with these settings."
        elif again:
            words = f"Trained again, as asked: {earlier.words}."
        else:
            words = (
                f"Not trained again: {earlier.words}. Judging again on the same rows only adds chances to "
                "err; `newsletter-bandit submit training --again` trains all the same."
            )
        logging.info("%s", words)
        check = artifact_utils.get_single_instance(output_dict["check"])
        if earlier is None or again:
            _keep_log(check.uri, warehouse, use_case, days, input_dict)
        check.set_string_custom_property(ROWS_KEY, rows)
        check.set_string_custom_property(FOUND_KEY, NEW if earlier is None or again else REPEATED)
        write_text(os.path.join(check.uri, REPORT_FILE), words + "\n")


def _keep_log(
    folder: str,
    warehouse: Warehouse,
    use_case: UseCase,
    days: TrainingDays,
    input_dict: dict[str, list[Artifact]],
) -> None:
    """Looks at the window for the report of the training, which nobody else does where nobody calls."""
    load = None
    if input_dict.get("table_report"):
        load = loading.kept(artifact_utils.get_single_uri(input_dict["table_report"]))
    arms = tuple(arm_summary(warehouse, use_case, *days.window))
    window_log.keep(folder, window_log.window_log(warehouse, use_case, days.window, arms, load))


class RepeatGuardSpec(component_spec.ComponentSpec):
    """Input: settings, the query, the day, and perhaps how the table was built. Output: what was found."""

    PARAMETERS = {
        "use_case": component_spec.ExecutionParameter(type=str),
        "warehouse": component_spec.ExecutionParameter(type=str),
        "query": component_spec.ExecutionParameter(type=str),
        "registry": component_spec.ExecutionParameter(type=str),
        "run_date": component_spec.ExecutionParameter(type=str),
        "again": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "table_report": component_spec.ChannelParameter(type=simple_artifacts.File, optional=True),
    }
    OUTPUTS = {"check": component_spec.ChannelParameter(type=simple_artifacts.File)}


class RepeatGuard(base_component.BaseComponent):
    """Finds out whether the window's rows were judged before, with the same settings and production.

    Outputs `check`, a folder with `report.txt`, whose custom property `rows` is the fingerprint of the rows
    and `found` is "new" or "repeated". If they are new, the folder also has `window_log.json`.

    Args:
      use_case: use case, the tuned hyperparameters merged in.
      warehouse: where the training table is.
      registry: root of the registry, a folder or ``gs://`` path.
      run_date: YYYY-MM-DD, or "" for the day of the run.
      again: "yes" calls repeated rows new; "" does not.
      table_report: channel of the TableBuilder's `report`; None where no step builds the table.
    """

    SPEC_CLASS = RepeatGuardSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        use_case: UseCase,
        warehouse: Warehouse,
        registry: str,
        run_date: str | RuntimeParameter,
        again: str | RuntimeParameter = "",
        table_report: BaseChannel | None = None,
    ) -> None:
        spec = RepeatGuardSpec(
            use_case=use_case.to_json(),
            warehouse=warehouse.model_dump_json(),
            query=training_query(use_case, warehouse),
            registry=registry,
            run_date=run_date,
            again=again,
            table_report=table_report,
            check=Channel(type=simple_artifacts.File),
        )
        super().__init__(spec=spec)

    @property
    def is_new(self) -> Predicate:
        """The condition under which the other steps run."""
        return self.outputs["check"].future()[0].custom_property(FOUND_KEY) == NEW
