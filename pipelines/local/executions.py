"""Outputs of a run's steps, read from ML Metadata."""

from __future__ import annotations

from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2


class Executions:
    """The executions of one pipeline.

    Args:
      config: where ML Metadata is.
      pipeline_name: pipeline that the steps belong to.
    """

    def __init__(self, config: metadata_store_pb2.ConnectionConfig, pipeline_name: str) -> None:
        self._config = config
        self._pipeline_name = pipeline_name

    def outputs(self, step: str) -> dict[str, str]:
        """Output key -> URI of the step's newest execution; empty if there is none."""
        # Opened again each time: the runner makes the file, and writes to it between two calls.
        store: Any = mlmd.MetadataStore(self._config)
        context = store.get_context_by_type_and_name("node", f"{self._pipeline_name}.{step}")
        if context is None:
            return {}
        executions = store.get_executions_by_context(context.id)
        if not executions:
            return {}
        newest = max(executions, key=lambda execution: execution.id)
        output = (
            metadata_store_pb2.Event.OUTPUT,
            metadata_store_pb2.Event.DECLARED_OUTPUT,
        )
        events = [
            event
            for event in store.get_events_by_execution_ids([newest.id])
            if event.type in output and event.path.steps
        ]
        artifacts = store.get_artifacts_by_id([event.artifact_id for event in events])
        uris = {artifact.id: artifact.uri for artifact in artifacts}
        return {event.path.steps[0].key: uris[event.artifact_id] for event in events}
