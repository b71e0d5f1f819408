"""Sums of effects, as a world file describes them, for any number of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from newsletter_bandit.settings.world_effects import (
    Between,
    ByRecommender,
    Condition,
    Effect,
    Scaled,
    Sum,
    When,
)
from newsletter_bandit.settings.world_features import CategoryOfWorld, WorldFeature, values_of
from newsletter_bandit.simulation.users import Bools, Floats, Ints

# By feature, one entry per subject: codes of a category's values, true or false of a flag, a number, the days
# since a day.
Values = Mapping[str, NDArray[np.int64] | NDArray[np.float64] | NDArray[np.bool_]]


class Effects:
    """A sum of a world file; the numbers that it leaves to the seed are drawn here.

    Args:
      settings: the sum.
      features: of the world.
      recommenders: of the world, K of them.
      rng: draws the numbers of each effect with a spread, in their order.
    """

    def __init__(
        self,
        settings: Sum,
        features: Mapping[str, WorldFeature],
        recommenders: Sequence[str],
        rng: np.random.Generator,
    ) -> None:
        self._features = features
        self._base = _row(settings.base, recommenders)
        self._effects = [(effect, _table(effect, features, recommenders, rng)) for effect in settings.effects]

    def __call__(self, values: Values, count: int) -> Floats:
        """The sum for each of `count` subjects and each recommender [count, K]."""
        total: Floats = np.tile(self._base, (count, 1))
        for effect, table in self._effects:
            factor = np.ones(count)
            for name, scaled in effect.times.items():
                factor *= _scaled(scaled, np.asarray(values[name], dtype=np.float64))
            factor *= holds(effect.when, self._features, values, count)
            code: Ints = np.zeros(count, dtype=np.int64)
            for name in effect.by:
                code = code * len(values_of(self._features[name]) or ()) + values[name].astype(np.int64)
            total += factor[:, None] * table[code]
        return total


def holds(when: When, features: Mapping[str, WorldFeature], values: Values, count: int) -> Bools:
    """Whether all conditions hold for each of `count` subjects [count]."""
    every = np.ones(count, dtype=np.bool_)
    for name, condition in when.items():
        every &= _one_holds(condition, features[name], values[name])
    return every


def _one_holds(condition: Condition, feature: WorldFeature, values: Floats | Ints | Bools) -> Bools:
    if isinstance(condition, Between):
        least = -np.inf if condition.least is None else condition.least
        below = np.inf if condition.below is None else condition.below
        return np.asarray((values >= least) & (values < below))
    if isinstance(condition, bool):
        return np.asarray(values == condition)
    wanted = (condition,) if isinstance(condition, str) else condition
    if not isinstance(feature, CategoryOfWorld):
        raise AssertionError("a condition that does not fit its feature")
    codes = [code for code, value in enumerate(feature.shares) if value in wanted]
    return np.isin(values, codes)


def _scaled(settings: Scaled, numbers: Floats) -> Floats:
    found = np.log1p(np.maximum(numbers, 0.0)) if settings.transform == "log1p" else numbers
    found = (found - settings.center) / settings.scale
    return np.asarray(np.tanh(found) if settings.bent else found, dtype=np.float64)


def _row(given: ByRecommender, recommenders: Sequence[str]) -> Floats:
    if isinstance(given, dict):
        return np.array([given.get(name, 0.0) for name in recommenders], dtype=np.float64)
    return np.full(len(recommenders), given, dtype=np.float64)


def _table(
    effect: Effect,
    features: Mapping[str, WorldFeature],
    recommenders: Sequence[str],
    rng: np.random.Generator,
) -> Floats:
    """What is added [combinations of values, K]."""
    if effect.add is not None:
        return _row(effect.add, recommenders)[None, :]
    combinations = int(np.prod([len(values_of(features[name]) or ()) for name in effect.by], dtype=np.int64))
    return rng.normal(0.0, effect.spread or 0.0, (combinations, len(recommenders)))
