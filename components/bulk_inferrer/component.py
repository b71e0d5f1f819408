"""TFX's BulkInferrer, set up to call the published model's serving signature."""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.proto import bulk_inferrer_pb2
from tfx.types import BaseChannel

from components.bulk_inferrer.columns import COLUMN_PREFIX, OUTPUTS

SIGNATURE = "serving_default"


def make_bulk_inferrer(examples: BaseChannel, model: BaseChannel) -> tfx.components.BulkInferrer:
    """Emits `output_examples`: the input examples with the signature's outputs as further columns."""
    columns = [
        bulk_inferrer_pb2.PredictOutputCol(output_key=name, output_column=COLUMN_PREFIX + name)
        for name in OUTPUTS
    ]
    return tfx.components.BulkInferrer(
        examples=examples,
        model=model,
        data_spec=tfx.proto.DataSpec(example_splits=["inference"]),
        model_spec=tfx.proto.ModelSpec(model_signature_name=[SIGNATURE], tag=["serve"]),
        output_example_spec=tfx.proto.OutputExampleSpec(
            output_columns_spec=[
                bulk_inferrer_pb2.OutputColumnsSpec(
                    signature_name=SIGNATURE,
                    predict_output=bulk_inferrer_pb2.PredictOutput(output_columns=columns),
                )
            ]
        ),
    )
