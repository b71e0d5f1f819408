"""Outputs of a run's steps, read from ML Metadata."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils

from pipelines.metadata import explained, opened

_OUTPUT = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)


class Executions:
    """The executions of one run of a pipeline, which `run` starts.

    Other runs of the pipeline may go on meanwhile, in this work folder or on another machine that shares the
    metadata: this run has an id of its own, and its executions are looked up by that.

    Args:
      config: where ML Metadata is.
      pipeline_name: pipeline that the steps belong to.
    """

    def __init__(self, config: metadata_store_pb2.ConnectionConfig, pipeline_name: str) -> None:
        self._config = config
        self._pipeline_name = pipeline_name
        self._run_id = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"

    def run(self, pipeline: Pipeline) -> None:
        """Runs the pipeline in this process, step by step.

        Raises:
          DataError: the metadata cannot be used.
        """
        opened(self._config)
        with explained(self._config):
            _Runner(self._run_id).run(pipeline)

    def outputs(self, step: str) -> dict[str, str]:
        """Output key -> URI of the step's execution; empty if the run has none; raises as `run` does."""
        with explained(self._config):
            return self._outputs(step)

    def _outputs(self, step: str) -> dict[str, str]:
        # Opened again each time: the runner makes the file, and writes to it between two calls.
        store: Any = opened(self._config)
        run = store.get_context_by_type_and_name(constants.PIPELINE_RUN_CONTEXT_TYPE_NAME, self._run_id)
        node = f"{self._pipeline_name}.{step}"
        context = store.get_context_by_type_and_name(constants.NODE_CONTEXT_TYPE_NAME, node)
        if run is None or context is None:
            return {}
        executions = store.get_executions_by_context(run.id)
        # The newest first: who asks usually means the step that has just ended.
        for execution in sorted(executions, key=lambda execution: execution.id, reverse=True):
            if context.id in {of.id for of in store.get_contexts_by_execution(execution.id)}:
                return _outputs(store, execution.id)
        return {}


def _outputs(store: Any, execution: int) -> dict[str, str]:
    events = [
        event
        for event in store.get_events_by_execution_ids([execution])
        if event.type in _OUTPUT and event.path.steps
    ]
    artifacts = store.get_artifacts_by_id([event.artifact_id for event in events])
    uris = {artifact.id: artifact.uri for artifact in artifacts}
    return {event.path.steps[0].key: uris[event.artifact_id] for event in events}


class _Runner(LocalDagRunner):
    """TFX's, with a run id that the caller knows."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def run_with_ir(self, pipeline: Any, run_options: Any = None) -> None:
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        super().run_with_ir(pipeline, run_options)
