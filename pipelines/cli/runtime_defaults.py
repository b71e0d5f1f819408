"""Environment variables that TensorFlow, gRPC and Google's libraries read once, while they are imported.

A user's own values stay.
"""

from __future__ import annotations

import os
import warnings

_DEFAULTS = {
    # TF-Agents 0.19 needs Keras 2.
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GRPC_VERBOSITY": "ERROR",
    # Without credentials, Google's library asks whether this is a machine of theirs: once, not for a quarter minute.
    "GCE_METADATA_TIMEOUT": "2",
    "GCE_METADATA_DETECT_RETRIES": "1",
    # Where Cloud Storage cannot be reached: a quarter minute of waiting, twice as long each time, instead of minutes.
    "GCS_RETRY_CONFIG_MAX_RETRIES": "4",
}


def apply() -> None:
    """Sets each variable that is not set, and keeps quiet what no user can act on; call it before anything imports TensorFlow."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Google's libraries announce, each of them, when they will stop supporting this Python.
    warnings.filterwarnings("ignore", "You are using a Python version", FutureWarning)
