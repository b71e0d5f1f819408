"""Diagnostics of the log's support for an evaluation policy: weights and overlap.

See "Monte Carlo theory, methods and examples" by Owen (2013), section 9.3, for the effective sample size.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators.base import LoggedBatch, MeanOfTerms, Mergeable, check_clip
from newsletter_bandit.off_policy.estimators.moments import FloatArray
from newsletter_bandit.off_policy.estimators.resampling import Users
from serving.propensity import ROUNDING

# Weights are binned for quantiles: 16 bins per octave, 4.4% wide, from 2^-20 to 2^20; 0 has its own bin.
_BINS_PER_OCTAVE, _OCTAVES = 16, 20
_TOP = 0.01


class Weights(Mergeable):
    """Figures of the importance weights w = min(pi_e(a | x) / p, weight_clip).

    Attributes:
      n: rows.
      max_unclipped: largest pi_e(a | x) / p; 0 without rows.
      clipped: rows whose weight was clipped.
    """

    def __init__(self, weight_clip: float | None = None) -> None:
        check_clip(weight_clip)
        self.weight_clip = weight_clip
        self.n = 0
        self.max_unclipped = 0.0
        self.clipped = 0
        self._sum = 0.0
        self._squares = 0.0
        # Rows, and the sum of their weights, by bin.
        self._bins: FloatArray = np.zeros((2, 2 * _OCTAVES * _BINS_PER_OCTAVE + 2))

    def add(self, batch: LoggedBatch) -> None:
        """Adds logged rows."""
        if not len(batch):
            return
        unclipped = batch.weights()
        used = batch.weights(self.weight_clip)
        self.n += len(batch)
        self.max_unclipped = max(self.max_unclipped, float(unclipped.max()))
        if used is not unclipped:
            self.clipped += int(np.count_nonzero(unclipped > used))
        self._sum += float(used.sum())
        self._squares += float(used @ used)
        size = self._bins.shape[1]
        with np.errstate(divide="ignore"):
            place = np.log2(used)
        # In place: a row's bin is a tenth of the work of all that is measured of it.
        place += _OCTAVES
        place *= _BINS_PER_OCTAVE
        index = np.clip(place, -1, size - 2, out=place).astype(np.int64)
        index += 1
        self._bins += [np.bincount(index, minlength=size), np.bincount(index, used, minlength=size)]

    def merge(self, other: Weights) -> None:
        """Adds the rows of ``other``, which must clip alike."""
        if other.weight_clip != self.weight_clip:
            raise ValueError("weights of different clips cannot be merged")
        self.n += other.n
        self.max_unclipped = max(self.max_unclipped, other.max_unclipped)
        self.clipped += other.clipped
        self._sum += other._sum
        self._squares += other._squares
        self._bins = self._bins + other._bins

    @property
    def max(self) -> float:
        """Largest weight as used, at most ``weight_clip``; 0 without rows."""
        if self.weight_clip is None:
            return self.max_unclipped
        return min(self.max_unclipped, self.weight_clip)

    @property
    def mean(self) -> float:
        """Mean weight: near 1 if the propensities are right and nothing is clipped; NaN without rows."""
        return self._sum / self.n if self.n else math.nan

    @property
    def top_share(self) -> float:
        """Share of the whole weight that the heaviest 1% of the rows carry, in [0, 1]; NaN without weight.

        It comes from bins 4.4% wide. It is exact except for the bin of the cut, whose rows count as alike.
        """
        if not self._sum:
            return math.nan
        counts, sums = self._bins[:, ::-1]
        wanted = _TOP * self.n
        before = np.cumsum(counts) - counts
        taken = np.clip(wanted - before, 0.0, counts)
        return float(
            (sums * np.divide(taken, counts, out=np.zeros_like(counts), where=counts > 0)).sum() / self._sum
        )

    @property
    def clipped_share(self) -> float:
        """Share of rows whose weight was clipped, in [0, 1]; NaN without rows."""
        return self.clipped / self.n if self.n else math.nan

    @property
    def effective_sample_size(self) -> float:
        """(sum w)^2 / sum w^2, in [0, n]: the number of on-policy rows with the same information."""
        return self._sum**2 / self._squares if self._squares else 0.0


class MeanWeight(MeanOfTerms):
    """Mean of the weights before any clip. It is 1, up to chance, if the propensities are right and the log
    can take every action that the evaluation policy takes.

    What chance explains is read off the default interval, after adding a row that the policy takes for
    certain at the smallest propensity of the log: such rows are rare, and few rows may hold none of them.
    """

    # A distance that a normal mean exceeds once in 16,000 logs.
    CONFIDENCE = 1.0 - 2.0 * NormalDist().cdf(-4.0)

    def __init__(self) -> None:
        super().__init__(1)

    def add(self, batch: LoggedBatch) -> None:
        """Adds logged rows."""
        if len(batch):
            self.add_weights(batch.weights(), 1.0 / float(batch.propensity.min()), batch)

    def add_weights(self, weights: FloatArray, largest: float, rows: Users) -> None:
        """Adds at least one row: weights [n], and the largest weight that a row like these could have."""
        self._add(weights[:, None], rows)
        self._extremes.add(largest, np.zeros(1), np.array([largest]))

    @property
    def mean(self) -> float:
        """The mean; NaN without rows."""
        return self.estimate().value

    @property
    def reach(self) -> float:
        """How far from the mean chance may lie, towards 1; infinite if the rows say nothing."""
        low, high = self.interval(self.CONFIDENCE)
        # A mean of 1 up to rounding is on the same side however the rows were added up.
        return high - self.mean if self.mean < 1.0 + ROUNDING else self.mean - low


class Overlap(Mergeable):
    """Overlap per recommender: how often the log took it, and how well that supports the evaluation policy.

    Args:
      recommenders: their number K.
      weight_clip: largest weight used.

    Attributes:
      rows: int64 [K], logged rows that took the recommender.
    """

    def __init__(self, recommenders: int, weight_clip: float | None = None) -> None:
        check_clip(weight_clip)
        self.weight_clip = weight_clip
        self.rows: npt.NDArray[np.int64] = np.zeros(recommenders, dtype=np.int64)
        self._sum: FloatArray = np.zeros(recommenders)
        self._squares: FloatArray = np.zeros(recommenders)

    def add(self, batch: LoggedBatch, action: npt.NDArray[np.int64]) -> None:
        """Adds logged rows; ``action`` int64 [n] is the index of the recommender each of them took."""
        size = len(self.rows)
        if len(action) and not 0 <= action.min() <= action.max() < size:
            raise ValueError(f"action: found {action.min()} to {action.max()}; allowed: 0 to {size - 1}")
        weights = batch.weights(self.weight_clip)
        self.rows += np.bincount(action, minlength=size)
        self._sum += np.bincount(action, weights, minlength=size)
        self._squares += np.bincount(action, weights**2, minlength=size)

    def merge(self, other: Overlap) -> None:
        """Adds the rows of ``other``, which must count as many recommenders and clip alike."""
        if other.weight_clip != self.weight_clip or len(other.rows) != len(self.rows):
            raise ValueError("overlaps of different clips or recommenders cannot be merged")
        self.rows = self.rows + other.rows
        self._sum = self._sum + other._sum
        self._squares = self._squares + other._squares

    @property
    def logged_share(self) -> FloatArray:
        """[K], share of the log; NaN without rows."""
        return self._per_row(self.rows.astype(np.float64))

    @property
    def evaluation_share(self) -> FloatArray:
        """[K], IPS estimate of how often the evaluation policy takes each; NaN without rows."""
        return self._per_row(self._sum)

    @property
    def effective_sample_size(self) -> FloatArray:
        """[K], (sum w)^2 / sum w^2 over the rows of each recommender; 0 where there is none."""
        safe = np.where(self._squares > 0, self._squares, 1.0)
        size: FloatArray = self._sum**2 / safe
        return size

    def _per_row(self, totals: FloatArray) -> FloatArray:
        n = int(self.rows.sum())
        return totals / n if n else np.full(len(totals), math.nan)
