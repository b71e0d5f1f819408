"""Tables of simulated newsletters instead of a company's own: Parquet files, ingested like any others."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from pipelines.cli.warehouse import ingest

if TYPE_CHECKING:
    from newsletter_bandit.simulation.world import World
    from pipelines.workspace import Workspace

FOLDER = "raw"


def simulate(workspace: Workspace, run_date: dt.date, newsletters: int, users: int, seed: int) -> World:
    """Simulates and ingests; the work folder holds the files, and the world, which can score the outcome.

    Args:
      workspace: use case and environment; files and warehouse are in its folder.
      run_date: day that training and prediction will run for.
      newsletters: logged newsletters in the training window.
      users: rows of the inference table.
      seed: seed of the world; the same seed gives the same tables.

    Raises:
      SettingsError: the use case names something that the simulated world does not know.
    """
    from newsletter_bandit.simulation import traffic

    folder = workspace.workdir / FOLDER
    training, inference, world = traffic.simulate(workspace.use_case, newsletters, users, run_date, seed)
    traffic.write(folder, training, inference, world)
    ingest(workspace, "training", [folder / traffic.TRAINING_FILE])
    ingest(workspace, "inference", [folder / traffic.INFERENCE_FILE])
    return world
