"""TFX Transform for a use case."""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.types import BaseChannel

from pipelines.settings import UseCase


def make_transform(examples: BaseChannel, schema: BaseChannel, use_case: UseCase) -> tfx.components.Transform:
    """Transform with our preprocessing function; emits `transform_graph` and `transformed_examples`.

    The statistics that Transform can compute of its inputs and outputs are left out: StatisticsGen has
    those of the inputs, and they would double the step's time.
    """
    return tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
        custom_config={"use_case": use_case.to_json()},
        disable_statistics=True,
    )
