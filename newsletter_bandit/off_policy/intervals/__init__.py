"""Confidence bounds of an off-policy estimate; a method is a function of a `Summary`, so it merges too.

A method gives the one-sided upper bound, which the truth exceeds with probability ``tail``. The lower bound
is the upper bound of the reflected summary. A new method is one module and one line in `METHODS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from newsletter_bandit.off_policy.intervals import bernstein, bootstrap, clopper_pearson, gamma, normal
from newsletter_bandit.off_policy.intervals.summary import Summary

METHODS: dict[str, Callable[[Summary, float], float]] = {
    "normal": normal.upper,
    "gamma": gamma.upper,
    "empirical_bernstein": bernstein.upper,
    "clopper_pearson": clopper_pearson.upper,
    "bootstrap": bootstrap.upper,
}
# It covers rare rewards, which the normal interval does not, and is as wide as that if rewards are not rare.
DEFAULT = "gamma"


class Interval(NamedTuple):
    """Lower and upper bound; infinite if the rows say nothing."""

    low: float
    high: float


def upper(summary: Summary, confidence: float, method: str = DEFAULT) -> float:
    """Upper bound: the truth is below it with probability ``confidence``; inf if nothing is known.

    Raises:
      ValueError: ``confidence`` is outside (0, 1), or ``method`` is unknown.
    """
    _check(confidence, method)
    if summary.n == 0 or math.isnan(summary.value):
        return math.inf
    bound = METHODS[method](summary, 1.0 - confidence)
    bound = math.inf if math.isnan(bound) else bound
    if summary.limits is None or math.isinf(bound) or summary.value > summary.limits[1]:
        # An estimate beyond what is possible shows that something is wrong; a bound must not hide it.
        return bound
    return min(bound, summary.limits[1])


def lower(summary: Summary, confidence: float, method: str = DEFAULT) -> float:
    """Lower bound: the truth is above it with probability ``confidence``; -inf if nothing is known."""
    return -upper(summary.reflected(), confidence, method)


def interval(summary: Summary, confidence: float, method: str = DEFAULT) -> Interval:
    """Both bounds, each missed with probability (1 - confidence) / 2."""
    _check(confidence, method)
    one_sided = (1.0 + confidence) / 2.0
    return Interval(lower(summary, one_sided, method), upper(summary, one_sided, method))


def _check(confidence: float, method: str) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: found {confidence}; allowed: more than 0 and less than 1")
    if method not in METHODS:
        raise ValueError(f"interval: found {method!r}; allowed: {', '.join(METHODS)}")


__all__ = ["DEFAULT", "METHODS", "Interval", "Summary", "interval", "lower", "upper"]
