"""Sums of effects, on which the odds and amounts of a world depend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from newsletter_bandit.settings.base import Identifier, Settings, found
from newsletter_bandit.settings.names import QuotedText, RecommenderName
from newsletter_bandit.settings.world_features import (
    CategoryOfWorld,
    FlagOfWorld,
    Number,
    PoissonOfWorld,
    WorldFeature,
    values_of,
)

# One number for all recommenders, or one for each that is named; of the others 0.
ByRecommender = Number | dict[RecommenderName, Number]


class Between(Settings):
    """A range of a number, or of the days since a day.

    Attributes:
      least: from this on; null has no lower end.
      below: up to, but without, this; null has no upper end.
    """

    least: Number | None = None
    below: Number | None = None


# true or false of a flag, one value or several of a category, a range of a number.
Condition = bool | QuotedText | tuple[QuotedText, ...] | Between
When = dict[Identifier, Condition]


class Scaled(Settings):
    """A number as a factor: (x - center) / scale, of x or of log(1 + x), perhaps bent.

    Attributes:
      transform: log1p takes log(1 + max(x, 0)) first.
      center: subtracted after that, so that the effect of an average subject is 0.
      scale: divides after that.
      bent: takes the hyperbolic tangent last, so that the factor stays between -1 and 1.
    """

    transform: Literal["identity", "log1p"] = "identity"
    center: Number = 0.0
    scale: float = Field(default=1.0, gt=0.0, le=1e9)
    bent: bool = False


class Effect(Settings):
    """What is added where the conditions hold, times the factors: given numbers (add) or drawn ones (spread).

    Attributes:
      when: by feature, the condition; all must hold. None given always holds.
      times: by feature, a factor; several are multiplied. A flag counts 0 or 1.
      add: for all recommenders, or by recommender.
      spread: standard deviation of normal numbers, one for each recommender and each combination of values
        of `by`, that are drawn from the world's seed.
      by: one or two categories or flags; of `spread` alone.
    """

    when: When = {}
    times: dict[Identifier, Scaled] = {}
    add: ByRecommender | None = None
    spread: float | None = Field(default=None, ge=0.0, le=100.0)
    by: tuple[Identifier, ...] = Field(default=(), max_length=2)

    @model_validator(mode="after")
    def _one_kind(self) -> Effect:
        if (self.add is None) == (self.spread is None):
            raise ValueError("found both or none of add and spread; allowed: one of them")
        if self.by and self.spread is None:
            raise ValueError("by: found it with add; allowed: with spread, else use when")
        return self


class Sum(Settings):
    """A base and effects, added up.

    Attributes:
      base: of an average subject; for all recommenders, or by recommender, each of them.
      effects: each is added.
    """

    base: ByRecommender = 0.0
    effects: tuple[Effect, ...] = ()


def sum_fault(
    made: Sum,
    features: Mapping[str, WorldFeature],
    recommenders: Sequence[str],
    hidden: Sequence[str] = (),
) -> str | None:
    """The key and what is wrong with it; None for nothing. `hidden` features may not be used."""
    if isinstance(made.base, dict) and set(made.base) != set(recommenders):
        odd = sorted(set(made.base) ^ set(recommenders))
        return f"base: {odd} missing or unknown; allowed: a number for each of {list(recommenders)}"
    for number, effect in enumerate(made.effects):
        key = f"effects.{number}"
        for name in (*effect.when, *effect.times, *effect.by):
            if name not in features:
                return f"{key}: found feature {name}; allowed: {list(features)}"
            if name in hidden:
                return f"{key}: found feature {name}, which is not always known; allowed: other features"
        fault = when_fault(effect.when, features) or next(_factor_faults(effect, features), None)
        if fault:
            return f"{key}.{fault}"
        if isinstance(effect.add, dict):
            unknown = [name for name in effect.add if name not in recommenders]
            if unknown:
                return f"{key}.add: {unknown}; allowed: {list(recommenders)}"
    return None


def when_fault(when: When, features: Mapping[str, WorldFeature]) -> str | None:
    """The same of conditions, by the key `when`."""
    for name, condition in when.items():
        if name not in features:
            return f"when: found feature {name}; allowed: {list(features)}"
        feature = features[name]
        fits: bool
        if isinstance(feature, FlagOfWorld):
            fits, needed = isinstance(condition, bool), "true or false"
        elif isinstance(feature, CategoryOfWorld):
            wanted = (condition,) if isinstance(condition, str) else condition
            fits = isinstance(wanted, tuple) and all(value in feature.shares for value in wanted)
            needed = f"one or a list of {list(feature.shares)}"
        else:
            fits, needed = isinstance(condition, Between), "a range such as {least: 1, below: 5}"
        if not fits:
            shown = condition.model_dump() if isinstance(condition, Between) else condition
            return f"when.{name}: found {found(shown)}; allowed: {needed}"
    return None


def _factor_faults(effect: Effect, features: Mapping[str, WorldFeature]) -> Iterator[str]:
    for name in effect.times:
        if isinstance(features[name], CategoryOfWorld):
            numbers = [other for other, one in features.items() if not isinstance(one, CategoryOfWorld)]
            yield f"times.{name}: found a category; allowed: {numbers}"
    for name in effect.by:
        if values_of(features[name]) is None:
            counted = [other for other, one in features.items() if values_of(one) is not None]
            yield f"by: found {name}, a number; allowed: {counted}"


def is_long_tailed(feature: WorldFeature) -> bool:
    """Whether the logarithm of the feature is the better number to learn from."""
    return isinstance(feature, PoissonOfWorld) or feature.kind in ("lognormal", "day")
