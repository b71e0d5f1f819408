"""Features of the subjects of a world: how each is drawn.

Every number of a distribution may depend on another feature: `given: device` and `{mobile: 20, desktop: 45}`
in the place of 30.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from newsletter_bandit.settings.base import Identifier, Probability, Settings
from newsletter_bandit.settings.names import QuotedText

_FINITE = Field(ge=-1e9, le=1e9, allow_inf_nan=False)
_TOLERANCE = 1e-6  # of shares that sum to 1


def _flag_as_text(value: Any) -> Any:
    """The values of a flag are written as YAML's true and false."""
    return str(value).lower() if isinstance(value, bool) else value


# A value of a category; of a flag "true" or "false".
Value = Annotated[QuotedText, BeforeValidator(_flag_as_text)]
Number = Annotated[float, _FINITE]
# One number for all, or one for each value of the feature that `given` names.
ByValue = Number | dict[Value, Number]


class _Drawn(Settings):
    """What all features have.

    Attributes:
      given: an earlier feature, a category or flag, on whose values the numbers may depend.
      unknown: share of subjects of whom the tables do not tell it; the truth depends on it all the same.
    """

    given: Identifier | None = None
    unknown: Probability = 0.0

    def parameters(self) -> Iterator[tuple[str, ByValue]]:
        """Each number of the distribution, with its path in the feature."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name in _PARAMETERS and value is not None:
                yield name, value


# Keys that hold a number or one for each value; the shares of a category are several of them.
_PARAMETERS = ("share", "mean", "median", "spread", "log_spread")


class CategoryOfWorld(_Drawn):
    """A text out of a few.

    Attributes:
      given: an earlier feature, a category or flag, on whose values the shares may depend.
      unknown: share of subjects of whom the tables do not tell it; the truth depends on it all the same.
      shares: of each value; they sum to 1.
    """

    kind: Literal["category"]
    shares: dict[Value, ByValue] = Field(min_length=1)

    def parameters(self) -> Iterator[tuple[str, ByValue]]:
        """See `_Drawn.parameters`."""
        for value, share in self.shares.items():
            yield f"shares.{value}", share


class FlagOfWorld(_Drawn):
    """True or false.

    Attributes:
      given: an earlier feature, a category or flag, on whose values the share may depend.
      unknown: share of subjects of whom the tables do not tell it; the truth depends on it all the same.
      share: of the subjects for whom it is true.
    """

    kind: Literal["flag"]
    share: ByValue


class _NumberOfWorld(_Drawn):
    """A number, kept within bounds and rounded.

    Attributes:
      least, most: smaller and larger draws become these; null has no such end.
      decimals: digits after the point.
    """

    least: Number | None = None
    most: Number | None = None
    decimals: int = Field(default=2, ge=0, le=9)

    @model_validator(mode="after")
    def _in_order(self) -> _NumberOfWorld:
        if self.least is not None and self.most is not None and not self.least < self.most:
            raise ValueError(f"found least {self.least:g}, most {self.most:g}; allowed: least the smaller")
        return self


class NormalOfWorld(_NumberOfWorld):
    """A number around a mean.

    Attributes:
      given: an earlier feature, a category or flag, on whose values mean and spread may depend.
      unknown: share of subjects of whom the tables do not tell it; the truth depends on it all the same.
      mean, spread: mean and standard deviation.
      least, most: smaller and larger draws become these; null has no such end.
      decimals: digits after the point.
    """

    kind: Literal["normal"]
    mean: ByValue
    spread: ByValue


class LognormalOfWorld(_NumberOfWorld):
    """A positive number with a long tail, such as an amount.

    Attributes:
      given: an earlier feature, a category or flag, on whose values median and spread may depend.
      unknown: share of subjects of whom the tables do not tell it; the truth depends on it all the same.
      median: half of the subjects have less.
      log_spread: standard deviation of its logarithm.
      least, most: smaller and larger draws become these; null has no such end.
      decimals: digits after the point.
    """

    kind: Literal["lognormal"]
    median: ByValue
    log_spread: ByValue


class PoissonOfWorld(_NumberOfWorld):
    """A count.

    Attributes:
      given: an earlier feature, a category or flag, on whose values the mean may depend.
      unknown: share of subjects of whom the tables do not tell it; the truth depends on it all the same.
      mean: of the count.
      least, most: smaller and larger draws become these; null has no such end.
      decimals: digits after the point.
    """

    kind: Literal["poisson"]
    mean: ByValue


class DayOfWorld(_Drawn):
    """A day in the past, such as that of the first visit; it stays the same while time goes on.

    Attributes:
      given: an earlier feature, a category or flag, on whose values the numbers may depend.
      unknown: share of subjects of whom the tables do not tell it; the truth depends on it all the same.
      median: days before the world's first day; half of the subjects have less.
      log_spread: standard deviation of the logarithm of these days.
    """

    kind: Literal["day"]
    median: ByValue
    log_spread: ByValue


WorldFeature = Annotated[
    CategoryOfWorld | FlagOfWorld | NormalOfWorld | LognormalOfWorld | PoissonOfWorld | DayOfWorld,
    Field(discriminator="kind"),
]
NUMBERS = (NormalOfWorld, LognormalOfWorld, PoissonOfWorld)
# Of each kind, the type of a use case's feature.
TYPES: dict[str, str] = {
    "category": "string",
    "flag": "bool",
    "normal": "number",
    "lognormal": "number",
    "poisson": "number",
    "day": "date",
}
FLAG_VALUES = ("false", "true")


def values_of(feature: WorldFeature) -> tuple[str, ...] | None:
    """The values of a category or flag; None of a number or day."""
    if isinstance(feature, CategoryOfWorld):
        return tuple(feature.shares)
    return FLAG_VALUES if isinstance(feature, FlagOfWorld) else None


def feature_fault(name: str, feature: WorldFeature, earlier: Mapping[str, WorldFeature]) -> str | None:
    """The key and what is wrong with it, of a feature after the `earlier` ones; None for nothing."""
    values: tuple[str, ...] | None = None
    if feature.given is not None:
        values = values_of(earlier[feature.given]) if feature.given in earlier else None
        if values is None:
            able = [other for other, one in earlier.items() if values_of(one) is not None]
            return (
                f"{name}.given: found {feature.given}; allowed: a category or flag that stands before it, "
                f"{able}"
            )
    for key, number in feature.parameters():
        if isinstance(number, dict) and (values is None or set(number) != set(values)):
            needed = "a number, or `given` as well" if values is None else f"one for each of {list(values)}"
            return f"{name}.{key}: found {list(number)}; allowed: {needed}"
        least, most = _BOUNDS[key.partition(".")[0]]
        for one in number.values() if isinstance(number, dict) else (number,):
            if not least <= one <= most:
                return f"{name}.{key}: found {one:g}; allowed: {least:g} to {most:g}"
    if isinstance(feature, CategoryOfWorld):
        for value in values or ("",):
            total = sum(
                share[value] if isinstance(share, dict) else share for share in feature.shares.values()
            )
            if abs(total - 1.0) > _TOLERANCE:
                where = f" for {feature.given} {value}" if value else ""
                return f"{name}.shares: found a sum of {total:.6g}{where}; allowed: 1"
    return None


_BOUNDS: dict[str, tuple[float, float]] = {
    "shares": (0.0, 1.0),
    "share": (0.0, 1.0),
    "mean": (-1e9, 1e9),
    "median": (1e-9, 1e9),
    "spread": (0.0, 1e9),
    "log_spread": (0.0, 10.0),
}
