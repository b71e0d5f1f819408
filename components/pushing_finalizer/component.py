"""PushingFinalizer: publishes what was pushed.

Whether a model may go into production depends on the registry's pointer, which TFX's cache does not know, and
the same pointer may come back. So the step always runs: the local runner asks `Driver` first, which makes
each execution one of its own. Vertex AI runs no driver; `pipelines.cloud.compiling` takes the step out of its
cache.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from absl import logging
from tfx.dsl.components.base import base_component, base_driver, base_executor, executor_spec
from tfx.orchestration.portable import base_driver as portable_driver
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import Artifact, BaseChannel, Channel, artifact_utils, component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import path_utils

from components.pushing_finalizer.finalizing import finalize, pushed_model
from components.pushing_finalizer.reporting import gathered, report, to_text
from components.repeat_guard.component import ROWS_KEY
from newsletter_bandit.registry import Registry
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse import window_log
from newsletter_bandit.warehouse.run_date import RUN_DATE
from newsletter_bandit.warehouse.window_log import WindowLog

# Property that the driver adds.
ATTEMPT_KEY = "attempt"


class Driver(base_driver.BaseDriver, portable_driver.BaseDriver):
    """Keeps TFX's cache from answering for the registry."""

    def __init__(self, metadata_handle: Any) -> None:
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: ExecutionInfo) -> driver_output_pb2.DriverOutput:  # noqa: ARG002
        """Adds a property that no earlier execution has."""
        output = driver_output_pb2.DriverOutput()
        output.exec_properties[ATTEMPT_KEY].string_value = secrets.token_hex(8)
        return output


class Executor(base_executor.BaseExecutor):
    """Copies a pushed model to the registry and moves the pointer."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes, and writes `publication.json`, `report.json` and `report.html`.

        Raises:
          DataError: as `finalizing.finalize`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties["use_case"])
        pushed = artifact_utils.get_single_instance(input_dict["pushed_model"])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        rows, found = exec_properties["rows"], None
        if input_dict.get("repeat_check"):
            check = artifact_utils.get_single_instance(input_dict["repeat_check"])
            rows, found = check.get_string_custom_property(ROWS_KEY), window_log.kept(check.uri)
        registry = Registry(exec_properties["registry"], use_case.name)
        days = TrainingDays.of(use_case, dt.date.fromisoformat(examples.get_string_custom_property(RUN_DATE)))
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        decision = artifact_utils.get_single_uri(input_dict["decision"])
        drift = artifact_utils.get_single_uri(input_dict["drift"]) if input_dict.get("drift") else None
        refit = artifact_utils.get_single_uri(input_dict["refit"]) if input_dict.get("refit") else None
        judged = None
        if input_dict.get("judged_model"):
            model = artifact_utils.get_single_instance(input_dict["judged_model"])
            judged = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        log = exec_properties["log"]
        publication = finalize(
            registry,
            pushed_model(
                pushed.uri,
                pushed.get_int_custom_property("pushed"),
                pushed.get_string_custom_property("pushed_version"),
            ),
            evaluation,
            decision,
            use_case,
            days,
            rows,
            log,
            drift,
            found,
            refit,
            judged,
        )
        folder = artifact_utils.get_single_uri(output_dict["publication"])
        publication.write(folder)
        evidence = gathered(publication, evaluation, decision, use_case, days, log, drift, found, refit)
        report(registry, evidence, folder)
        logging.info("%s: %s (%s).", publication.outcome, publication.version, publication.reason)


class PushingFinalizerSpec(component_spec.ComponentSpec):
    """Inputs: pushed model, evidence, and the rows' examples. Output: publication."""

    PARAMETERS = {
        "registry": component_spec.ExecutionParameter(type=str),
        "use_case": component_spec.ExecutionParameter(type=str),
        "rows": component_spec.ExecutionParameter(type=str),
        "log": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "decision": component_spec.ChannelParameter(type=simple_artifacts.File),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "repeat_check": component_spec.ChannelParameter(type=simple_artifacts.File, optional=True),
        "drift": component_spec.ChannelParameter(type=simple_artifacts.File, optional=True),
        "refit": component_spec.ChannelParameter(type=simple_artifacts.File, optional=True),
        "judged_model": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"publication": component_spec.ChannelParameter(type=simple_artifacts.File)}


class PushingFinalizer(base_component.BaseComponent):
    """Copies a pushed model from the training pipeline to the registry, a curated destination.

    Outputs `publication`, a folder with `publication.json` and the run's report: `report.html` for people,
    and `report.json`, of which it is made. The page also lies beside a published version.

    Args:
      pushed_model: channel of the Pusher's PushedModel.
      evaluation: channel of the Evaluator's ModelEvaluation.
      decision: channel of the resolver's folder with `decision.json`.
      examples: channel of ExampleGen's Examples, which name the day of the run.
      registry: root of the registry, a folder or ``gs://`` path.
      use_case: use case, which is kept beside the model.
      rows: fingerprint of the window's rows, by which the same training is known again; "" for none.
      log: what the window holds, for the report; None where nobody looked.
      options: options of the command that trains, for the commands in the report; None where unknown.
      repeat_check: channel of the RepeatGuard's `check`, whose fingerprint and log then take the place of
        ``rows`` and ``log``.
      drift: channel of the DriftDetector's `drift`; None where nobody measured it.
      refit: channel of the Refitter's `refit`; None where nobody trains twice.
      judged_model: channel of the model that was judged, which is kept beside a refit; None likewise.
    """

    SPEC_CLASS = PushingFinalizerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        pushed_model: BaseChannel,
        evaluation: BaseChannel,
        decision: BaseChannel,
        examples: BaseChannel,
        registry: str,
        use_case: UseCase,
        rows: str = "",
        log: WindowLog | None = None,
        options: str | None = None,
        repeat_check: BaseChannel | None = None,
        drift: BaseChannel | None = None,
        refit: BaseChannel | None = None,
        judged_model: BaseChannel | None = None,
    ) -> None:
        spec = PushingFinalizerSpec(
            pushed_model=pushed_model,
            evaluation=evaluation,
            decision=decision,
            examples=examples,
            registry=registry,
            use_case=use_case.to_json(),
            rows=rows,
            log=to_text(log, options),
            repeat_check=repeat_check,
            drift=drift,
            refit=refit,
            judged_model=judged_model,
            publication=Channel(type=simple_artifacts.File),
        )
        super().__init__(spec=spec)
