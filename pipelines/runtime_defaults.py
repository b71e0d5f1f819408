"""Environment variables that TensorFlow, gRPC and Google's libraries read once, while they are imported.

A user's own values stay.
"""

from __future__ import annotations

import os

_DEFAULTS = {
    # TF-Agents 0.19 needs Keras 2.
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GRPC_VERBOSITY": "ERROR",
    # Without credentials, Google's library asks whether this is a machine of theirs: once, not for a quarter minute.
    "GCE_METADATA_TIMEOUT": "2",
    "GCE_METADATA_DETECT_RETRIES": "1",
}


def apply() -> None:
    """Sets each variable that is not set; call it before anything imports TensorFlow."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
