"""The Trainer as a job on Vertex AI: what TFX's executor makes of the settings, up to the request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.cloud.aiplatform_v1.types.accelerator_type import AcceleratorType
from google.cloud.aiplatform_v1.types.custom_job import CustomJob
from tfx import v1 as tfx
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.extensions.google_cloud_ai_platform.trainer import executor as vertex_executor
from tfx.types import standard_artifacts

from components.trainer.component import make_trainer, vertex_config
from newsletter_bandit.settings.cloud import TrainingJob
from tests.tiny import make_use_case

JOB: dict[str, Any] = {
    "project": "my-project",
    "region": "europe-west1",
    "image": "europe-west1-docker.pkg.dev/my-project/newsletter-bandit/pipelines:0123abc",
    "service_account": "pipeline-runner@my-project.iam.gserviceaccount.com",
}


def trainer(job: TrainingJob | None) -> tfx.components.Trainer:
    kinds = (
        standard_artifacts.Examples,
        standard_artifacts.TransformGraph,
        standard_artifacts.Schema,
        standard_artifacts.HyperParameters,
    )
    channels = [tfx.dsl.Channel(type=kind) for kind in kinds]
    return make_trainer(*channels, use_case=make_use_case(), training_job=job)


def request(job: TrainingJob) -> CustomJob:
    """The job that TFX's client would send, as the API reads it: an unknown field is an error."""
    # Made without a connection, which the client opens when it is made.
    client = training_clients.VertexJobClient.__new__(training_clients.VertexJobClient)
    arguments = vertex_config(job)[vertex_executor.TRAINING_ARGS_KEY]
    return CustomJob(client.create_training_job({}, {}, {}, "module.Executor", arguments, None, None))


def test_without_a_job_it_is_a_step_like_others() -> None:
    made = trainer(None)
    assert made.executor_spec.executor_class is tfx.components.Trainer.EXECUTOR_SPEC.executor_class
    assert vertex_executor.TRAINING_ARGS_KEY not in made.exec_properties["custom_config"]


def test_a_job_starts_the_same_function() -> None:
    made = trainer(TrainingJob(**JOB))
    assert made.executor_spec.executor_class is vertex_executor.GenericExecutor
    assert made.exec_properties["run_fn"] == "components.trainer.run_fn.run_fn"
    assert '"europe-west1"' in made.exec_properties["custom_config"]


@pytest.mark.parametrize(("workers", "pools"), [(1, [1]), (2, [1, 1]), (5, [1, 4])])
def test_the_first_pool_is_the_chief(workers: int, pools: list[int]) -> None:
    found = request(TrainingJob(**JOB, workers=workers)).job_spec
    assert [pool.replica_count for pool in found.worker_pool_specs] == pools
    for pool in found.worker_pool_specs:
        assert pool.machine_spec.machine_type == "n2-standard-4"
        assert pool.machine_spec.accelerator_count == 0
        assert pool.container_spec.image_uri == JOB["image"]
        assert pool.container_spec.command[:3] == ["python", "-m", "tfx.scripts.run_executor"]
    assert found.service_account == JOB["service_account"]
    assert found.scheduling.timeout == timedelta(hours=12)


def test_an_accelerator_each() -> None:
    job = TrainingJob(**JOB, accelerator="NVIDIA_TESLA_T4", labels={"team": "mail"})
    found = request(job)
    (pool,) = found.job_spec.worker_pool_specs
    assert pool.machine_spec.accelerator_type == AcceleratorType.NVIDIA_TESLA_T4
    assert pool.machine_spec.accelerator_count == 1
    assert found.labels["team"] == "mail"
