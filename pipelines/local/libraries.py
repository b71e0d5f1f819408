"""TFX, TensorFlow and Beam, imported once and for all."""

from __future__ import annotations

import gc
import importlib
import sys

# What every pipeline needs; TensorFlow and Beam come with it.
_NAMES = ("tfx.components", "tfx.orchestration.local.local_dag_runner")


def load() -> None:
    """Imports what every pipeline needs, in two thirds of the time that it would take otherwise; later calls do nothing.

    It makes a million objects that live as long as the process. Python would look through them for garbage again and
    again while there are ever more of them, then during the run, and once more at the end, for seconds each.
    """
    if all(name in sys.modules for name in _NAMES):
        return
    gc.disable()
    try:
        for name in _NAMES:
            importlib.import_module(name)
    finally:
        # What is set aside is not given back when the process ends, and DuckDB complains of that, on the terminal.
        if "duckdb" not in sys.modules:
            gc.freeze()
        gc.enable()
