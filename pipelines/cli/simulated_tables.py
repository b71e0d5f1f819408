"""Simulated tables instead of a company's own: Parquet files, ingested like any others."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.reading import load_world
from newsletter_bandit.settings.world import NEWSLETTER, WorldSettings
from pipelines.cli.warehouse import ingest

if TYPE_CHECKING:
    from newsletter_bandit.simulation.world import World
    from pipelines.workspace import Workspace

FOLDER = "raw"


def world_of(workspace: Workspace, file: Path | None = None) -> WorldSettings:
    """The world of a use case: that of ``file``, else that of `Workspace.world_file`, else the newsletter's.

    Raises:
      SettingsError: a file cannot be read, or there is none and the newsletter's world cannot play the use
        case.
    """
    if file is not None or workspace.world_file.is_file():
        return load_world(file or workspace.world_file)
    from newsletter_bandit.simulation.catalogue import CONTENTS

    try:
        CONTENTS.check(workspace.use_case)
    except SettingsError as error:
        raise SettingsError(
            f"{error}; or describe a world of this use case in {workspace.world_file} (docs/use_cases.md)"
        ) from error
    return NEWSLETTER


def simulate(
    workspace: Workspace,
    run_date: dt.date,
    newsletters: int,
    users: int,
    seed: int,
    world_file: Path | None = None,
) -> World:
    """Simulates and ingests; the work folder holds the files, and the world, which can score the outcome.

    Args:
      workspace: use case and environment; files and warehouse are in its folder.
      run_date: day that training and prediction will run for.
      newsletters: logged newsletters in the training window.
      users: rows of the inference table.
      seed: seed of the world; the same seed gives the same tables.
      world_file: see `world_of`.

    Raises:
      SettingsError: the use case names something that the simulated world does not know, or as `world_of`.
    """
    from newsletter_bandit.simulation import traffic

    folder = workspace.workdir / FOLDER
    training, inference, world = traffic.simulate(
        workspace.use_case, newsletters, users, run_date, seed, world_of(workspace, world_file)
    )
    traffic.write(folder, training, inference, world)
    ingest(workspace, "training", [folder / traffic.TRAINING_FILE])
    ingest(workspace, "inference", [folder / traffic.INFERENCE_FILE])
    return world
