"""The table that BulkInferrer hands on: one row per user, columns named as the signature's outputs."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from newsletter_bandit import exported_model as model
from serving.fields import ColumnType
from serving.ranking import FIELDS

# The run that stores a ranking stamps these on it. The graph makes the other fields, and says when the
# ranking expires.
STAMPED: Final = frozenset({"model_version", "generated_at", "expires_at"})
PREDICTED = tuple(field for field in FIELDS if field.name not in STAMPED)

_TYPE: dict[ColumnType, pa.DataType] = {
    "STRING": pa.binary(),
    "BOOL": pa.int64(),
    "ARRAY<STRING>": pa.list_(pa.binary()),
    "ARRAY<FLOAT64>": pa.list_(pa.float32()),
}
# Of K recommenders ranked, eligible ones first; '' pads.
SCHEMA = pa.schema(
    [*((field.name, _TYPE[field.type]) for field in PREDICTED), (model.EXPIRES_AFTER_DAYS, pa.int64())]
)
