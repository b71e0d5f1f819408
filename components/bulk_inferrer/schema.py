"""The table that BulkInferrer hands on: one row per user, columns named as the signature's outputs."""

from __future__ import annotations

import pyarrow as pa

from newsletter_bandit import exported_model as model

# Of K recommenders ranked, eligible ones first; '' pads.
SCHEMA = pa.schema(
    [
        (model.USER_ID, pa.binary()),
        (model.CAMPAIGN, pa.binary()),
        (model.RECOMMENDERS, pa.list_(pa.binary())),
        (model.SCORES, pa.list_(pa.float32())),
        (model.PROPENSITIES, pa.list_(pa.float32())),
        (model.EXPLORED, pa.int64()),
        (model.EXPIRES_AFTER_DAYS, pa.int64()),
    ]
)
