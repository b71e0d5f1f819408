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
    # Without credentials, Google's library asks if this is one of Google's machines: once, not for 15
    # seconds.
    "GCE_METADATA_TIMEOUT": "2",
    "GCE_METADATA_DETECT_RETRIES": "1",
    # If Cloud Storage cannot be reached: 15 seconds of waiting, twice as long each time, instead of minutes.
    "GCS_RETRY_CONFIG_MAX_RETRIES": "4",
}


def apply() -> None:
    """Sets unset variables and silences useless warnings; call it before anything imports TensorFlow."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Each of Google's libraries announces when it will stop supporting this Python.
    warnings.filterwarnings("ignore", "You are using a Python version", FutureWarning)
