"""TFX's Trainer for a use case."""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.types import BaseChannel

from pipelines.settings import UseCase


def make_trainer(
    transformed_examples: BaseChannel,
    transform_graph: BaseChannel,
    schema: BaseChannel,
    hyperparameters: BaseChannel,
    use_case: UseCase,
    production_model: BaseChannel | None = None,
) -> tfx.components.Trainer:
    """Trainer that runs `components.trainer.run_fn`; emits `model` and `model_run` (TensorBoard logs).

    A use case with a warm start begins where `production_model` ended; an artifact without a model begins anew.
    """
    return tfx.components.Trainer(
        run_fn="components.trainer.run_fn.run_fn",
        examples=transformed_examples,
        transform_graph=transform_graph,
        schema=schema,
        hyperparameters=hyperparameters,
        base_model=production_model if use_case.warm_start.enabled else None,
        # How long to train is a hyperparameter of the agent; TFX wants a number of steps all the same.
        train_args=tfx.proto.TrainArgs(splits=["train"], num_steps=0),
        eval_args=tfx.proto.EvalArgs(splits=["eval"], num_steps=0),
        custom_config={"use_case": use_case.to_json()},
    )
