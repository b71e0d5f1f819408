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
) -> tfx.components.Trainer:
    """Trainer that runs `components.trainer.run_fn`; emits `model` and `model_run` (TensorBoard logs)."""
    return tfx.components.Trainer(
        run_fn="components.trainer.run_fn.run_fn",
        examples=transformed_examples,
        transform_graph=transform_graph,
        schema=schema,
        hyperparameters=hyperparameters,
        # How long to train is a hyperparameter of the agent; TFX wants a number of steps all the same.
        train_args=tfx.proto.TrainArgs(splits=["train"], num_steps=0),
        eval_args=tfx.proto.EvalArgs(splits=["eval"], num_steps=0),
        custom_config={"use_case": use_case.to_json()},
    )
