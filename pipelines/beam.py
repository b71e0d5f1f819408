"""Beam options of the environment."""

from __future__ import annotations

from pipelines.settings import Processing


def beam_args(processing: Processing) -> list[str]:
    """Command-line options for each Beam step.

    The in-process runner is named outright: Beam's DirectRunner may try to download another one.
    """
    if processing.runner == "dataflow":
        return ["--runner=DataflowRunner", *processing.beam_args]
    mode = "in_memory" if processing.runner == "in_process" else "multi_processing"
    return [
        "--runner=FnApiRunner",
        f"--direct_running_mode={mode}",
        f"--direct_num_workers={processing.workers}",
        *processing.beam_args,
    ]
