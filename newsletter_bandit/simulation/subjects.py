"""Subjects of a world that its file describes: their features, drawn once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from newsletter_bandit.settings.world_features import (
    FLAG_VALUES,
    ByValue,
    CategoryOfWorld,
    DayOfWorld,
    FlagOfWorld,
    LognormalOfWorld,
    NormalOfWorld,
    WorldFeature,
)
from newsletter_bandit.simulation.effects import Values
from newsletter_bandit.simulation.users import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Subjects:
    """n subjects.

    Attributes:
      number: position in the world [n].
      values: by feature, the truth [n]; see `effects.Values`. Of a day, the days until the world's first.
      known: by feature, of whom the shop knows it [n].
    """

    number: Ints
    values: Values
    known: Mapping[str, Bools]

    def take(self, positions: Ints) -> Subjects:
        """The subjects at these positions, repeats allowed."""
        return Subjects(
            self.number[positions],
            {name: of[positions] for name, of in self.values.items()},
            {name: of[positions] for name, of in self.known.items()},
        )


def draw(features: Mapping[str, WorldFeature], rng: np.random.Generator, count: int) -> Subjects:
    """`count` subjects, feature after feature."""
    values: dict[str, Ints | Floats | Bools] = {}
    known: dict[str, Bools] = {}
    for name, feature in features.items():
        values[name] = _drawn(feature, features, values, rng, count)
        known[name] = (
            rng.random(count) >= feature.unknown if feature.unknown else np.ones(count, dtype=np.bool_)
        )
    return Subjects(np.arange(count, dtype=np.int64), values, known)


def column(feature: WorldFeature, values: Ints | Floats | Bools, known: Bools) -> pa.Array:
    """A category, flag or number as a table holds it; NULL where it is not known."""
    if isinstance(feature, CategoryOfWorld):
        codes = pa.array(values, pa.int64(), mask=~known)
        return pa.array(list(feature.shares), pa.string()).take(codes)
    return pa.array(values, pa.bool_() if isinstance(feature, FlagOfWorld) else pa.float64(), mask=~known)


def _drawn(
    feature: WorldFeature,
    features: Mapping[str, WorldFeature],
    values: Values,
    rng: np.random.Generator,
    count: int,
) -> Ints | Floats | Bools:
    def each(number: ByValue) -> Floats:
        """A number of the distribution for each subject [count]."""
        if not isinstance(number, dict):
            return np.full(count, number, dtype=np.float64)
        given = features[str(feature.given)]
        order = tuple(given.shares) if isinstance(given, CategoryOfWorld) else FLAG_VALUES
        by_code = np.array([number[value] for value in order], dtype=np.float64)
        return np.asarray(by_code[values[str(feature.given)].astype(np.int64)])

    if isinstance(feature, CategoryOfWorld):
        upto = np.cumsum(np.stack([each(share) for share in feature.shares.values()], axis=1), axis=1)
        draws = rng.random(count) * upto[:, -1]
        return np.asarray((draws[:, None] >= upto).sum(axis=1), dtype=np.int64)
    if isinstance(feature, FlagOfWorld):
        return np.asarray(rng.random(count) < each(feature.share))
    if isinstance(feature, DayOfWorld):
        days = np.exp(np.log(each(feature.median)) + each(feature.log_spread) * rng.standard_normal(count))
        return np.asarray(np.maximum(np.round(days), 1.0), dtype=np.float64)
    if isinstance(feature, NormalOfWorld):
        numbers = each(feature.mean) + each(feature.spread) * rng.standard_normal(count)
    elif isinstance(feature, LognormalOfWorld):
        numbers = np.exp(np.log(each(feature.median)) + each(feature.log_spread) * rng.standard_normal(count))
    else:
        numbers = rng.poisson(np.maximum(each(feature.mean), 0.0)).astype(np.float64)
    least = -np.inf if feature.least is None else feature.least
    most = np.inf if feature.most is None else feature.most
    return np.asarray(np.clip(np.round(numbers, feature.decimals), least, most))
