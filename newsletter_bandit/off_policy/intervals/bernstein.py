"""Empirical Bernstein bound: it holds for every sample size, for terms in a known range, but is wide.

    value + sqrt(2 V ln(2 / tail) / n) + 7 (b - a) ln(2 / tail) / (3 (n - 1))

with V the sample variance and [a, b] the range of a term.

See "Empirical Bernstein Bounds and Sample Variance Penalization" by Maurer and Pontil
(https://arxiv.org/abs/0907.3740), theorem 4.
"""

from __future__ import annotations

import math

from newsletter_bandit.off_policy.intervals.summary import Summary


def upper(summary: Summary, tail: float) -> float:
    """Upper bound, exceeded with probability ``tail`` at most; inf if the range of the terms is unknown."""
    if summary.bounds is None or summary.n < 2:
        return math.inf
    log = math.log(2.0 / tail)
    variance = summary.squares / (summary.n - 1)
    low, high = summary.bounds
    reach = math.sqrt(2.0 * variance * log / summary.n) + 7.0 * (high - low) * log / (3.0 * (summary.n - 1))
    return min(summary.value + reach, high)
