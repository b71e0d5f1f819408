"""TFX's Transform, with an executor of its own, for a use case."""

from __future__ import annotations

from tfx.components import Transform as TfxTransform
from tfx.dsl.components.base import executor_spec
from tfx.types import BaseChannel

from components.transform.executor import Executor
from newsletter_bandit.settings.use_case import UseCase


class Transform(TfxTransform):
    """Emits `transform_graph` and `transformed_examples` as TFX's does.

    Args:
      examples: with the split ``train``, which is analysed; all splits are transformed.
      schema: of the examples.
      use_case: its features, and how they are treated.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, examples: BaseChannel, schema: BaseChannel, use_case: UseCase) -> None:
        super().__init__(
            examples=examples,
            schema=schema,
            preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
            custom_config={"use_case": use_case.to_json()},
            # StatisticsGen has those of the inputs.
            disable_statistics=True,
            # A window's rows are read once: nothing would be found in it.
            disable_analyzer_cache=True,
        )
