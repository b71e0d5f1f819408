"""Figures in the units that people decide by: net clicks and unsubscribes per 100,000 newsletters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from newsletter_bandit.registry.evidence.metrics import Estimate

NEWSLETTERS = 100_000
MINUS = "\N{MINUS SIGN}"
UNKNOWN = "unknown"
_SHOWN = 0.5  # half a unit of the last digit that `whole` shows


@dataclass(frozen=True)
class Amount:
    """A figure per 100,000 newsletters with its two-sided interval; None where it is unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, estimate: Estimate, unit: float = 1.0) -> Amount:
        """The amount of an estimate per newsletter.

        Args:
          estimate: in units of reward, or a rate.
          unit: reward of one click, where the estimate is in units of reward; more than 0.
        """
        return cls(*(scaled(figure, unit) for figure in (estimate.value, estimate.low, estimate.high)))

    @property
    def known(self) -> bool:
        """Value and interval are known."""
        return None not in (self.value, self.low, self.high)

    @property
    def surely_more(self) -> bool:
        """The whole interval is above 0, and not all of it is too small to be shown."""
        return self.low is not None and self.low > 0.0 and not self.is_nothing

    @property
    def surely_less(self) -> bool:
        """The whole interval is below 0, and not all of it is too small to be shown."""
        return self.high is not None and self.high < 0.0 and not self.is_nothing

    @property
    def may_be_chance(self) -> bool:
        """It is no sure difference: the interval reaches over 0, or is unknown."""
        return not (self.surely_more or self.surely_less or self.is_nothing)

    @property
    def is_nothing(self) -> bool:
        """It is a difference of 0 as far as it is shown: value and interval round to 0.

        What rounding leaves of two sums that are the same is no gain.
        """
        return all(
            figure is not None and abs(figure) < _SHOWN for figure in (self.value, self.low, self.high)
        )

    @property
    def doubt(self) -> str:
        """What must stand beside the interval of a difference: ": may be chance", or ""."""
        return ": no difference" if self.is_nothing else ": may be chance" if self.may_be_chance else ""

    def text(self, signed: bool = False) -> str:
        """Such as "1,342" or "+1,342"."""
        return whole(self.value, signed)

    def interval(self, signed: bool = False) -> str:
        """Such as "905 to 1,780"."""
        if self.low is None or self.high is None:
            return f"interval {UNKNOWN}"
        return f"{whole(self.low, signed)} to {whole(self.high, signed)}"

    def of_newsletters(self) -> Amount:
        """The amount within what newsletters can have, 0 to all of them; an estimate may stray from that."""

        def within(figure: float | None) -> float | None:
            return None if figure is None else min(max(figure, 0.0), float(NEWSLETTERS))

        return Amount(within(self.value), within(self.low), within(self.high))

    def wider(self, factor: float) -> Amount:
        """The amount with ends so many times as far from the value."""
        if self.value is None or self.low is None or self.high is None:
            return self
        value = self.value
        return Amount(value, value - factor * (value - self.low), value + factor * (self.high - value))


def scaled(figure: float | None, unit: float = 1.0) -> float | None:
    """A figure per newsletter as one per 100,000; see `Amount.of`."""
    return None if figure is None else figure * NEWSLETTERS / unit


def whole(figure: float | None, signed: bool = False) -> str:
    """A rounded figure with separators and a true minus sign, such as "1,342", "+1,342" or "−80"."""
    if figure is None or not math.isfinite(figure):
        return UNKNOWN
    rounded = round(figure)
    sign = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{abs(rounded):,}"


def more_or_fewer(figure: float | None) -> str:
    """Such as "1,342 more", "80 fewer" or "as many"."""
    if figure is None or not math.isfinite(figure):
        return UNKNOWN
    rounded = round(figure)
    if rounded == 0:
        return "as many"
    return f"{abs(rounded):,} {'more' if rounded > 0 else 'fewer'}"


def span(low: float | None, high: float | None) -> str:
    """An interval of differences in words: "905 to 1,780 more", "80 fewer to 900 more"."""
    if low is None or high is None:
        return f"interval {UNKNOWN}"
    if round(low) == round(high) == 0:
        return "no difference"
    if round(low) >= 0 and round(high) >= 0:
        return f"{whole(low)} to {whole(high)} more"
    if round(low) <= 0 and round(high) <= 0:
        return f"{whole(-high)} to {whole(-low)} fewer"
    return f"{more_or_fewer(low)} to {more_or_fewer(high)}"


def share(figure: float | None, digits: int = 1) -> str:
    """A share in percent, such as "12.3%"."""
    if figure is None or not math.isfinite(figure):
        return UNKNOWN
    return f"{100.0 * figure:.{digits}f}%".replace("-", MINUS)


def percent(figure: float | None) -> str:
    """A share in percent with at most one digit, such as "−0.1%" or "10%"."""
    text = share(figure)
    return f"{text.removesuffix('.0%')}%" if text.endswith(".0%") else text


def relative(change: float | None, base: float | None) -> str:
    """A change in percent of what it changes, such as "+9.9%"; "" for no change, and where that is unknown or
    not above 0.
    """
    if not change or base is None or base <= 0.0 or not math.isfinite(change):
        return ""
    return f"{100.0 * change / base:+.1f}%".replace("-", MINUS)


def plain(figure: float | None) -> str:
    """A figure of any unit: four digits, or whole with separators from 1,000 on."""
    if figure is None or not math.isfinite(figure):
        return UNKNOWN
    text = f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"
    return text.replace("-", MINUS)
