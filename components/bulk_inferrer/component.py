"""TFX's BulkInferrer, with an executor of its own, set up to call the published model's serving signature."""

from __future__ import annotations

from typing import Final

from tfx.components import BulkInferrer as TfxBulkInferrer
from tfx.dsl.components.base import executor_spec
from tfx.proto import bulk_inferrer_pb2
from tfx.types import BaseChannel

from components.bulk_inferrer.executor import Executor

SPLIT: Final = "inference"


class BulkInferrer(TfxBulkInferrer):
    """Emits `output_examples`, a table of predictions as `components.bulk_inferrer.schema` describes it.

    Args:
      examples: the users, split ``inference``.
      model: model with the signature ``serving_default``.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, examples: BaseChannel, model: BaseChannel) -> None:
        super().__init__(
            examples=examples,
            model=model,
            data_spec=bulk_inferrer_pb2.DataSpec(example_splits=[SPLIT]),
            # This makes the base class emit `output_examples`; the columns are the signature's.
            output_example_spec=bulk_inferrer_pb2.OutputExampleSpec(),
        )
