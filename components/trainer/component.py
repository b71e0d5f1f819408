"""TFX's Trainer for a use case: a step of the pipeline, or a training job on Vertex AI that the step
starts.
"""

from __future__ import annotations

from typing import Any

from tfx.components import Trainer as TfxTrainer
from tfx.proto import trainer_pb2
from tfx.types import BaseChannel

from components.hyperparameters_gen.hyperparameters import without_hyperparameters
from newsletter_bandit.settings.cloud import TrainingJob
from newsletter_bandit.settings.use_case import UseCase

RUN_FN = "components.trainer.run_fn.run_fn"


def make_trainer(
    transformed_examples: BaseChannel,
    transform_graph: BaseChannel,
    schema: BaseChannel,
    hyperparameters: BaseChannel,
    use_case: UseCase,
    production_model: BaseChannel | None = None,
    training_job: TrainingJob | None = None,
) -> TfxTrainer:
    """Trainer that runs `components.trainer.run_fn`; emits `model` and `model_run` (TensorBoard logs).

    Agent, weighting and exploration come from ``hyperparameters`` alone, everything else from ``use_case``.

    A use case with a warm start begins where `production_model` ended; an artifact without a model begins
    anew. With a ``training_job`` it runs on Vertex AI's training service, on as many workers as that says.
    """
    custom_config: dict[str, Any] = {"use_case": without_hyperparameters(use_case)}
    kind = TfxTrainer
    if training_job is not None:
        # Vertex AI's client takes two seconds to import, here and with all of `tfx.v1`.
        from tfx.extensions.google_cloud_ai_platform.trainer.component import Trainer

        kind = Trainer
        custom_config |= vertex_config(training_job)
    return kind(
        run_fn=RUN_FN,
        examples=transformed_examples,
        transform_graph=transform_graph,
        schema=schema,
        hyperparameters=hyperparameters,
        base_model=production_model if use_case.warm_start.enabled else None,
        # How long to train is a hyperparameter of the agent; TFX wants a number of steps all the same.
        train_args=trainer_pb2.TrainArgs(splits=["train"], num_steps=0),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"], num_steps=0),
        custom_config=custom_config,
    )


def vertex_config(job: TrainingJob) -> dict[str, Any]:
    """The `custom_config` of TFX's Trainer for Vertex AI.

    The first pool is the chief, the second the other workers. Vertex AI sets TF_CONFIG for them.
    """
    from tfx.extensions.google_cloud_ai_platform import constants
    from tfx.extensions.google_cloud_ai_platform.trainer import executor

    machine: dict[str, Any] = {"machine_type": job.machine_type}
    if job.accelerator is not None:
        machine |= {"accelerator_type": job.accelerator, "accelerator_count": 1}
    # The command is TFX's own.
    pool = {"machine_spec": machine, "container_spec": {"image_uri": job.image}}
    pools = [{**pool, "replica_count": 1}]
    if job.workers > 1:
        pools.append({**pool, "replica_count": job.workers - 1})
    return {
        constants.ENABLE_VERTEX_KEY: True,
        constants.VERTEX_REGION_KEY: job.region,
        executor.TRAINING_ARGS_KEY: {
            "project": job.project,
            "labels": dict(job.labels),
            "job_spec": {
                "worker_pool_specs": pools,
                "service_account": job.service_account,
                "scheduling": {"timeout": f"{job.timeout_hours * 3600}s"},
            },
        },
    }
