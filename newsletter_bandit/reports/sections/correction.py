"""Intervals that hold all together."""

from __future__ import annotations

from statistics import NormalDist


def bonferroni(confidence: float, slices: int) -> float:
    """How much wider an interval must be so that ``slices`` of them hold together at ``confidence``.

    The ratio of the normal quantiles of (1 - confidence) / slices and (1 - confidence), two-sided. See
    "Multiple Comparisons Among Means" by Dunn (1961).
    """
    if slices < 2:
        return 1.0
    error = (1.0 - confidence) / 2.0
    return NormalDist().inv_cdf(1.0 - error / slices) / NormalDist().inv_cdf(1.0 - error)
