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
      examples: examples with the split ``train``, which is analysed; all splits are transformed.
      schema: schema of the examples.
      use_case: use case, which gives the features and their treatment.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, examples: BaseChannel, schema: BaseChannel, use_case: UseCase) -> None:
        super().__init__(
            examples=examples,
            schema=schema,
            preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
            custom_config={"use_case": use_case.to_json()},
            # StatisticsGen makes those of the inputs.
            disable_statistics=True,
            # A window's rows are read only once, so the cache would never be used.
            disable_analyzer_cache=True,
        )
