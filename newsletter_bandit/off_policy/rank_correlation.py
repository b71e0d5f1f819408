"""Spearman's rank correlation of estimates and rewards of any kind, and the estimates' calibration.

The rank correlation is 1 if the estimates order the rows as their rewards do, 0 if they say nothing, and -1
if they order them the other way round. Ties share their mean rank. Numbers count as equal if they agree in
three and a half digits (the upper 21 bits of a float32), so a log takes as many counts as it has different
pairs of such numbers, and parts merge.

Calibration is the slope of a regression of the rewards on the estimates: 1 if a unit of estimate is worth a
unit of reward, less than 1 if the estimates exaggerate what they tell apart.

See "The Proof and Measurement of Association between Two Things" by Spearman (1904), and "Sample size
requirements for estimating Pearson, Kendall and Spearman correlations" by Bonett and Wright (2000) for the
standard error.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators.base import Mergeable
from newsletter_bandit.off_policy.estimators.moments import FloatArray, Moments

_Keys = npt.NDArray[np.int64]
_BITS = 21  # of 32


class RankCorrelation(Mergeable):
    """Running counts of pairs of an estimate and a reward."""

    def __init__(self) -> None:
        self._pairs: _Keys = np.empty(0, np.int64)
        self._counts: _Keys = np.empty(0, np.int64)
        self._moments = Moments(2)

    def add(self, estimate: FloatArray, reward: FloatArray) -> None:
        """Adds rows: estimates and rewards, finite, [n]."""
        self._add(_key(estimate) << _BITS | _key(reward), np.ones(len(reward), np.int64))
        self._moments.add(np.stack([estimate, reward], axis=1))

    def merge(self, other: RankCorrelation) -> None:
        """Adds the rows of ``other``."""
        self._add(other._pairs, other._counts)
        self._moments.merge(other._moments)

    def _add(self, pairs: _Keys, counts: _Keys) -> None:
        self._pairs, place = np.unique(np.concatenate([self._pairs, pairs]), return_inverse=True)
        every = np.concatenate([self._counts, counts])
        self._counts = np.bincount(place, every, minlength=len(self._pairs)).astype(np.int64)

    def value(self) -> float:
        """The rank correlation in [-1, 1]; NaN unless both the estimates and the rewards vary."""
        mask = (1 << _BITS) - 1
        ranks = [_centred_ranks(of, self._counts) for of in (self._pairs >> _BITS, self._pairs & mask)]
        spread = math.prod(float(self._counts @ rank**2) for rank in ranks)
        return float(self._counts @ (ranks[0] * ranks[1])) / math.sqrt(spread) if spread > 0.0 else math.nan

    def slope(self) -> float:
        """The calibration, as the module says; NaN where the estimates do not vary."""
        scatter = self._moments.scatter
        return float(scatter[0, 1] / scatter[0, 0]) if scatter[0, 0] > 0.0 else math.nan

    def bias(self) -> float:
        """Mean estimate minus mean reward; NaN without rows."""
        estimate, reward = self._moments.mean
        return float(estimate - reward) if self._moments.count else math.nan


def standard_error(correlation: float, rows: float) -> float:
    """Standard error of a rank correlation; NaN below four rows."""
    if not rows > 3:
        return math.nan
    # Theirs is of the correlation's inverse hyperbolic tangent, whose slope is 1 / (1 - correlation^2).
    return (1.0 - correlation**2) * math.sqrt((1.0 + correlation**2 / 2.0) / (rows - 3.0))


def _key(values: FloatArray) -> _Keys:
    """The values as whole numbers of `_BITS` bits in the same order."""
    # + 0.0, so that both zeros are one.
    bits = (np.asarray(values, np.float64) + 0.0).astype(np.float32).view(np.uint32).astype(np.int64)
    # Of negative numbers, larger bits are smaller numbers.
    ordered = np.where(bits >> 31 == 1, (1 << 32) - 1 - bits, bits + (1 << 31))
    found: _Keys = ordered >> (32 - _BITS)
    return found


def _centred_ranks(values: _Keys, counts: _Keys) -> FloatArray:
    """Mean rank of each value among all rows, less the mean of all ranks."""
    distinct, place = np.unique(values, return_inverse=True)
    size = np.bincount(place, counts, minlength=len(distinct))
    rank = np.cumsum(size) - size / 2.0
    return np.asarray(rank[place] - size.sum() / 2.0)
