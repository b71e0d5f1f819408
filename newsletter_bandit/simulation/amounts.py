"""Amounts and counts: what they are on average, after a clip too, and how they are drawn."""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats

from newsletter_bandit.settings.reward import Bounds
from newsletter_bandit.simulation.users import Floats

# Counts beyond so many standard deviations above the mean are not summed.
_DEVIATIONS = 12.0


def clipped(value: float, clip: Bounds | None) -> float:
    """The value, or the nearer end of the clip."""
    return value if clip is None else min(max(value, clip[0]), clip[1])


def lognormal_mean(log_median: Floats, spread: float, clip: Bounds | None) -> Floats:
    """E[min(max(X, low), high)] of a lognormal X, for each of any array of medians.

    With F the distribution of X and G that of ln X under a mean that is spread² larger:
    low F(low) + mean (G(high) - G(low)) + high (1 - F(high)).
    """
    mean: Floats = np.exp(log_median + 0.5 * spread**2)
    if clip is None:
        return mean
    if spread == 0.0:
        return np.clip(mean, *clip)

    def below(end: float, shift: float) -> Floats:
        if end <= 0.0:
            return np.zeros_like(mean)
        return np.asarray(special.ndtr((math.log(end) - log_median - shift) / spread))

    low, high = clip
    inside = mean * (below(high, spread**2) - below(low, spread**2))
    return np.asarray(low * below(low, 0.0) + inside + high * (1.0 - below(high, 0.0)))


def poisson_mean(log_mean: Floats, clip: Bounds | None) -> Floats:
    """E[min(max(N, low), high)] of a Poisson N, for each of any array of means."""
    mean: Floats = np.exp(log_mean)
    if clip is None:
        return mean
    most = float(mean.max(initial=0.0))
    last = math.ceil(most + _DEVIATIONS * math.sqrt(most) + _DEVIATIONS)
    total = np.zeros_like(mean)
    for count in range(last + 1):
        total += clipped(count, clip) * stats.poisson.pmf(count, mean)
    return total


def draw_lognormal(normal: Floats, log_median: Floats, spread: float, decimals: int) -> Floats:
    """Amounts [n] of standard normal numbers [n]."""
    return np.asarray(np.round(np.exp(log_median + spread * normal), decimals))


def draw_poisson(normal: Floats, log_mean: Floats) -> Floats:
    """Counts [n] of standard normal numbers [n]: a larger number never gives a smaller count."""
    return np.asarray(stats.poisson.ppf(special.ndtr(normal), np.exp(log_mean)), dtype=np.float64)
