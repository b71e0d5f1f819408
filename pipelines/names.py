"""Names of the pipelines on the command line; imports nothing, so that `--help` answers at once."""

from __future__ import annotations

import enum


class Pipeline(enum.StrEnum):
    """The pipelines that Vertex AI runs."""

    TRAINING = "training"
    PREDICTION = "prediction"
