"""TFX, TensorFlow and Beam, imported once and for all."""

from __future__ import annotations

import gc
import sys


def load() -> None:
    """Imports what every pipeline needs, in two thirds of the time that it would take otherwise; later calls do nothing.

    It makes a million objects that live as long as the process. Python would look through them for garbage again and
    again while there are ever more of them, then during the run, and once more at the end, for seconds each.
    """
    if "tfx.components" in sys.modules:
        return
    gc.disable()
    try:
        import tfx.components
        import tfx.orchestration.local.local_dag_runner  # noqa: F401
    finally:
        # What is set aside is not given back when the process ends, and DuckDB complains of that, on the terminal.
        if "duckdb" not in sys.modules:
            gc.freeze()
        gc.enable()
