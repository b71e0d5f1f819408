"""Names of the columns in which BulkInferrer hands the serving signature's outputs on."""

from __future__ import annotations

# Set before each output's name, since the input features stand in the same example.
COLUMN_PREFIX = "out_"
OUTPUTS = (
    "user_id",
    "campaign",
    "recommenders",
    "scores",
    "propensities",
    "explored",
    "expires_after_days",
)
