"""Compiles the pipelines for Vertex AI: the same pipelines, as a specification that a service runs.

A compiled pipeline names no day and no model. It gets the day when it starts (parameter `run_date`, "" for
that day itself) and looks up what is in production, so one specification serves every run of a schedule. The
training also gets whether to train on rows that were judged before (parameter `again`, "" for no).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.files import write_text
from newsletter_bandit.settings.cloud import Vertex
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.release import Release
from pipelines.cloud import step
from pipelines.names import Pipeline
from pipelines.workspace import Workspace

RUN_DATE, AGAIN = "run_date", "again"
# After a minute, then two, up to a quarter of an hour.
_BACKOFF = {"backoffDuration": "60s", "backoffFactor": 2.0, "backoffMaxDuration": "900s"}
# Their outputs depend on the day, the raw tables or the registry, which the cache does not know.
_NEVER_CACHED = (
    "TableBuilder",
    "RepeatGuard",
    "BigQueryExampleGen",
    "ProductionModel",
    "ReferenceModel",
    "PushingFinalizer",
)


def compiled(workspace: Workspace, pipeline: Pipeline) -> dict[str, Any]:
    """A PipelineJob as JSON: `displayName`, `labels`, `pipelineSpec` (schema 2.1) and `runtimeConfig`.

    The same settings give the same bytes.

    Raises:
      SettingsError: the environment has no `vertex`, names something that a step on Vertex AI cannot reach,
        or there is no curated schema.
    """
    environment = workspace.environment
    vertex = check(environment)
    schema_file = workspace.require_schema_file() if pipeline is Pipeline.TRAINING else None

    from tfx.orchestration.data_types import RuntimeParameter
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

    run_date = RuntimeParameter(name=RUN_DATE, ptype=str, default="")
    cached = environment.model_copy(update={"enable_cache": vertex.enable_caching})
    if schema_file is not None:
        from components.hyperparameters_gen import tuned_set
        from pipelines import training

        tuned = tuned_set.read(str(workspace.tuned_file), workspace.use_case)
        again = RuntimeParameter(name=AGAIN, ptype=str, default="")
        made = training.create(
            workspace.use_case,
            cached,
            schema_file,
            run_date,
            tuned,
            build_table=vertex.build_tables,
            again=again,
        )
    else:
        from pipelines import batch_prediction

        made = batch_prediction.create(workspace.use_case, cached, run_date, build_table=vertex.build_tables)
    config = kubeflow.KubeflowV2DagRunnerConfig(
        default_image=vertex.image,
        default_commands=step.command(Release.installed()),
        use_pipeline_spec_2_1=True,
    )
    spec: dict[str, Any] = kubeflow.KubeflowV2DagRunner(config).run(made, write_out=False)
    root = spec["pipelineSpec"]["root"]
    # TFX drops a default that is empty.
    for parameter in root["inputDefinitions"]["parameters"].values():
        parameter |= {"defaultValue": "", "isOptional": True}
    for name, task in root["dag"]["tasks"].items():
        if name in _NEVER_CACHED:
            task.pop("cachingOptions", None)
    _add_retries_and_resources(spec["pipelineSpec"], vertex)
    return spec


def _add_retries_and_resources(pipeline: dict[str, Any], vertex: Vertex) -> None:
    """Adds to every task what TFX's compiler knows nothing of."""
    for name, task in pipeline["root"]["dag"]["tasks"].items():
        if vertex.retries:
            task["retryPolicy"] = {"maxRetryCount": vertex.retries, **_BACKOFF}
        label = pipeline["components"][task["componentRef"]["name"]]["executorLabel"]
        resources = vertex.step_resources.get(name, vertex.resources)
        pipeline["deploymentSpec"]["executors"][label]["container"]["resources"] = {
            "cpuLimit": resources.cpu,
            "memoryLimit": resources.memory_gb,
        }


def check(environment: Environment) -> Vertex:
    """The environment's settings of Vertex AI.

    Raises:
      SettingsError: there are none, or they name something that only this machine can reach.
    """
    if environment.vertex is None:
        raise SettingsError(
            "vertex: missing; add a block with project, region, image and service_account of Vertex AI, "
            "as in configs/environments/vertex.yaml"
        )
    kinds = (
        ("warehouse.kind", environment.warehouse, "bigquery"),
        ("store.kind", environment.store, "datastore"),
    )
    for name, settings, wanted in kinds:
        if settings.kind != wanted:
            raise SettingsError(
                f"{name}: found {settings.kind}; allowed: {wanted}, because a step on Vertex AI cannot reach "
                "this machine's files"
            )
    for name in ("registry", "pipeline_root"):
        path = str(getattr(environment, name))
        if not path.startswith("gs://"):
            raise SettingsError(
                f"{name}: found {path}; allowed: a folder in a bucket, gs://BUCKET/..., because a step on "
                "Vertex AI cannot reach this machine's files"
            )
    processing = environment.processing
    if processing.dataflow is None and not any(
        arg.startswith("--temp_location=gs://") for arg in processing.beam_args
    ):
        raise SettingsError(
            f"processing.runner: found {processing.runner}, and no bucket through which BigQuery's "
            "rows can be exported; use dataflow, or add --temp_location=gs://BUCKET/temp to "
            "processing.beam_args"
        )
    return environment.vertex


def write(spec: dict[str, Any], path: Path) -> None:
    """Writes a specification whole, readable and always in the same order."""
    write_text(path, json.dumps(spec, indent=2, sort_keys=True) + "\n")
