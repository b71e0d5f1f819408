"""Learners of the closed loop without TensorFlow, and a series of their runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.learner import FirstSlots, Learnt
from newsletter_bandit.simulation.loop import Setting
from newsletter_bandit.simulation.series import Event, run_series
from newsletter_bandit.simulation.world import World

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "newsletter.yaml"
SETTING = Setting(weeks=2, newsletters=400, warm_up_weeks=2, window_weeks=3)


class Fixed:
    """Serves the same recommender to whoever is eligible for it, and the first eligible one to all others."""

    def __init__(self, world: World, recommender: str, version: str = "fixed") -> None:
        self.version = version
        self._world = world
        self._column = world.recommenders.index(recommender)

    def first_slots(self, inference: pa.Table, day: dt.date) -> FirstSlots:
        eligible = self._world.eligible(self._world.positions(inference[self._world.key].to_pylist()))
        served = np.where(eligible[:, self._column], self._column, eligible.argmax(axis=1))
        return FirstSlots(served, np.ones(len(served)), served)


class Toy:
    """Gives the models of a list, one per week; keeps what it was shown."""

    def __init__(self, models: Sequence[Fixed | None], name: str = "toy", **settings: Any) -> None:
        self.name = name
        self.settings: Mapping[str, Any] = settings
        self.windows: list[list[pa.Table]] = []
        self.days: list[dt.date] = []
        self._models = list(models)

    def learn(self, window: Sequence[pa.Table], day: dt.date) -> Learnt:
        self.windows.append(list(window))
        self.days.append(day)
        return Learnt(self._models.pop(0), seconds={"fit": 0.5})


def series(
    use_case: UseCase, folder: Path, setting: Setting = SETTING, fresh: bool = False, **settings: Any
) -> list[str]:
    """Runs two toys over two seeds; `learner seed state` of each that ended."""
    ended: list[str] = []

    def note(event: Event) -> None:
        if event.state != "running":
            ended.append(f"{event.learner} {event.seed} {event.state}")

    makers = {
        name: lambda begin, name=name, served=served: Toy([Fixed(begin.world, served)] * 9, name, **settings)
        for name, served in (("x", "deals"), ("y", "top_rated"))
    }
    done = run_series(use_case, setting, (1, 2), makers, folder, fresh, note)
    assert [f"{one.learner} {one.seed}" for one in done] == ["x 1", "y 1", "x 2", "y 2"]
    return ended
