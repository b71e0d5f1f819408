"""The table that BulkInferrer hands on: one row per user, columns named as the signature's outputs."""

from __future__ import annotations

import pyarrow as pa

from newsletter_bandit.exported_model import EXPIRES_AFTER_DAYS, PREDICTED
from serving.fields import ColumnType

_TYPE: dict[ColumnType, pa.DataType] = {
    "STRING": pa.binary(),
    "BOOL": pa.int64(),
    "ARRAY<STRING>": pa.list_(pa.binary()),
    "ARRAY<FLOAT64>": pa.list_(pa.float32()),
}
# Of K recommenders ranked, eligible ones first; '' pads.
SCHEMA = pa.schema(
    [*((field.name, _TYPE[field.type]) for field in PREDICTED), (EXPIRES_AFTER_DAYS, pa.int64())]
)
