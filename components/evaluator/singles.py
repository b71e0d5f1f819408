"""What each recommender would earn alone, sent to everybody who may get it, and all of them equally often.

With 1 / p_i the weight of row i, for a recommender a and for all of them together,

    V(a) = sum over rows that took a of r_i / p_i  /  sum over the same rows of 1 / p_i
    V    = the same over all rows

V(a) is the mean reward of a over the rows in which it is eligible, and V that over all pairs of a row and a
recommender that is eligible in it. Intervals are those of a ratio of sums over groups of users, so that rows
of one user count together.

See "Sampling Techniques" by Cochran (1977), section 6.3, for the variance of a ratio.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from newsletter_bandit.off_policy.estimators.base import Mergeable
from newsletter_bandit.off_policy.estimators.moments import FloatArray

# Groups of users, by hash.
_GROUPS = 64


class Alone(NamedTuple):
    """Values with their two-sided intervals, [K]; NaN where nothing is known."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


class Singles(Mergeable):
    """Running sums.

    Args:
      recommenders: their number K.
    """

    def __init__(self, recommenders: int) -> None:
        # Of rewards and of ones, each over the propensity, by group and recommender.
        self._sums: FloatArray = np.zeros((2, _GROUPS, recommenders))

    def add(
        self,
        action: npt.NDArray[np.int64],
        reward: FloatArray,
        propensity: FloatArray,
        user: npt.NDArray[np.uint64],
    ) -> None:
        """Adds logged rows.

        Args:
          action: [n], index of the recommender; -1 for one that is not among the K.
          reward: [n].
          propensity: [n], in (0, 1].
          user: [n], hash of the user.
        """
        groups, size = self._sums.shape[1:]
        known = action >= 0
        place = (user[known] % np.uint64(groups)).astype(np.int64) * size + action[known]
        inverse = 1.0 / propensity[known]
        for sums, weights in zip(self._sums, (inverse * reward[known], inverse), strict=True):
            sums += np.bincount(place, weights, minlength=groups * size).reshape(groups, size)

    def merge(self, other: Singles) -> None:
        """Adds the rows of ``other``, which must count as many recommenders."""
        if other._sums.shape != self._sums.shape:
            raise ValueError(f"recommenders: found {other._sums.shape[2]}; allowed: {self._sums.shape[2]}")
        self._sums = self._sums + other._sums

    def each(self, confidence: float) -> Alone:
        """Each recommender alone."""
        return _ratios(self._sums, confidence)

    def uniform(self, confidence: float) -> Alone:
        """All of them equally often; arrays of one value."""
        return _ratios(self._sums.sum(axis=2, keepdims=True), confidence)


def _ratios(sums: FloatArray, confidence: float) -> Alone:
    """Ratios of sums [2, groups, m] over the groups, [m]; two groups at least must hold rows."""
    rewards, ones = sums
    total = ones.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = rewards.sum(axis=0) / total
        residuals = rewards - value * ones
        groups = (ones > 0.0).sum(axis=0)
        spread = np.sqrt((residuals**2).sum(axis=0) * groups / np.maximum(groups - 1, 1)) / total
    reach = np.where(
        groups > 1, special.stdtrit(np.maximum(groups - 1, 1), (1.0 + confidence) / 2.0) * spread, math.nan
    )
    return Alone(value, value - reach, value + reach)
