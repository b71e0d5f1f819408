"""The tables of one run: a log for training, the users to predict, and the world that can score the
outcome.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.files import filled
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import NEWSLETTER, WorldSettings, subjects_come
from newsletter_bandit.simulation.world import World, spread

TRAINING_FILE, INFERENCE_FILE, WORLD_FILE = "training.parquet", "inference.parquet", "world.json"
_DAYS_BEFORE = 7  # older rows, which the window leaves out
_SPARE_USERS = 1.2  # users for each newsletter of the fullest week


def simulate(
    use_case: UseCase,
    newsletters: int,
    users_to_predict: int,
    run_date: dt.date,
    seed: int,
    settings: WorldSettings = NEWSLETTER,
) -> tuple[pa.Table, pa.Table, World]:
    """Traffic up to the day before `run_date`, as the training of that day would find it.

    Exactly `newsletters` rows fall into the training window of `run_date`. As many per day were sent in the
    week before it, and from its end to the day before `run_date`. So the table also holds rows that are too
    old and rows whose outcome is not final.

    Args:
      use_case: names recommenders, features, reward and window.
      newsletters: rows inside the window, 1 or more.
      users_to_predict: rows of the inference table, 1 or more.
      run_date: day of training and prediction.
      seed: 0 or more; the same one gives the same tables.
      settings: what the world is made of.

    Returns:
      The training table, the inference table, and the world they come from.

    Raises:
      SettingsError: a number is out of range, `run_date` is before the first window is complete, or the world
        does not know a recommender, feature or outcome of the use case.
    """
    if newsletters < 1 or users_to_predict < 1:
        raise SettingsError(
            f"simulate: found {newsletters} newsletters, {users_to_predict} users to predict; allowed: 1 or "
            "more"
        )
    start, end = use_case.window.latest(run_date, use_case.final_after_days)
    inside = spread(newsletters, (end - start).days)
    usual = int(inside.max())
    per_day = np.concatenate(
        [np.full(_DAYS_BEFORE, usual), inside, np.full((run_date - end).days, usual)]
    ).astype(np.int64)
    size = max(users_to_predict, int(np.ceil(_SPARE_USERS * 7 * usual)))
    once = subjects_come(settings) == "once"
    if once:
        size = users_to_predict + int(per_day.sum())
    epoch = start - dt.timedelta(days=_DAYS_BEFORE)
    world = World.of(use_case, seed, size, epoch, settings)
    training = world.log(epoch, per_day, world.rules, leave_out=users_to_predict if once else 0)
    # Users are exchangeable, so the first are as good as a sample.
    inference = world.inference(world.everyone[:users_to_predict], run_date)
    return _named(training, "training", use_case), _named(inference, "inference", use_case), world


def _named(table: pa.Table, name: str, use_case: UseCase) -> pa.Table:
    """The table with the columns' names of the use case."""
    return table.rename_columns([use_case.column(name, column) for column in table.column_names])


def write(directory: Path, training: pa.Table, inference: pa.Table, world: World) -> None:
    """Writes `training.parquet`, `inference.parquet` and `world.json`, each atomically."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, table in ((TRAINING_FILE, training), (INFERENCE_FILE, inference)):
        with filled(directory / name) as temporary:
            pq.write_table(table, temporary)
    world.save(directory / WORLD_FILE)
