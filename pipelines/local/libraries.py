"""TFX, TensorFlow and Beam, imported once and for all."""

from __future__ import annotations

import gc
import importlib
import sys

# Imported for every pipeline; TensorFlow and Beam come with it.
_NAMES = ("tfx.components", "tfx.orchestration.local.local_dag_runner")


def load() -> None:
    """Imports what every pipeline needs, in two thirds of the usual time; later calls do nothing.

    The imports make a million objects that live as long as the process. Python would search them for garbage
    again and again during the imports, during the run, and once more at the end, for seconds each time.
    """
    if all(name in sys.modules for name in _NAMES):
        return
    gc.disable()
    try:
        for name in _NAMES:
            importlib.import_module(name)
    finally:
        # Frozen objects are not released when the process ends, and DuckDB complains about that on the
        # terminal.
        if "duckdb" not in sys.modules:
            gc.freeze()
        gc.enable()
