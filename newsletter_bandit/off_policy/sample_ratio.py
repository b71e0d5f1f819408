"""The sample-ratio test: does each action stand in the log as often as its propensities say?

For an action a with propensity p_i(a) in row i, e_i = 1 where a could be taken, and n(a) = sum_i e_i,

    S(a) = sum over rows that took a of 1 / p_i        has the mean n(a)
    D(a) = sum over rows that took a of 1 / p_i^2      estimates the mean of sum_i e_i / p_i(a)
    T    = sum_a (S(a) - n(a))^2 / D(a)

Where the propensities do not depend on the context, T is Pearson's chi-square of the counts, with one degree
of freedom less than there are actions; where they do, T is at most as large, by chance. One degree more is
used, so a p-value is never too small. A ratio S(a) / n(a) far from 1 names the action that was taken more, or
less, often than its propensities say. This sees what the mean weight cannot: weights average 1 whenever the
faults of the actions that the policy likes cancel out.

An action that is in no row has no ratio. It is named for itself: nothing was ever learned of it.

See "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments" by Fabijan et al. (2019), and "A
Generalization of Sampling Without Replacement From a Finite Universe" by Horvitz and Thompson (1952) for S.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from newsletter_bandit.off_policy.estimators.base import Mergeable
from newsletter_bandit.off_policy.estimators.moments import FloatArray

# Groups of users, by hash, whose sums show how far the rows of one user are alike.
_GROUPS = 64


class SampleRatio(Mergeable):
    """Running sums of the test.

    Args:
      actions: their number K.

    Attributes:
      rows: [K], rows that took each action.
      eligible: [K], n(a), rows in which it could be taken; whoever counts them adds them here.
    """

    def __init__(self, actions: int) -> None:
        self.rows: FloatArray = np.zeros(actions)
        self.eligible: FloatArray = np.zeros(actions)
        self._squares: FloatArray = np.zeros(actions)
        self._least = 1.0
        self._by_group: FloatArray = np.zeros((_GROUPS, actions))
        self._group_rows: FloatArray = np.zeros(_GROUPS)

    def add(
        self,
        action: npt.NDArray[np.int64],
        propensity: FloatArray,
        user: npt.NDArray[np.uint64],
    ) -> None:
        """Adds logged rows.

        Args:
          action: [n], index of the action that was taken; -1 for one that is not among the K.
          propensity: [n], in (0, 1].
          user: [n], hash of the user.
        """
        size = len(self.rows)
        group = (user % np.uint64(_GROUPS)).astype(np.int64)
        self._group_rows += np.bincount(group, minlength=_GROUPS)
        known = action >= 0
        taken, inverse = action[known], 1.0 / propensity[known]
        self.rows += np.bincount(taken, minlength=size)
        self._squares += np.bincount(taken, inverse**2, minlength=size)
        self._least = float(propensity.min(initial=self._least))
        sums = np.bincount(group[known] * size + taken, inverse, minlength=_GROUPS * size)
        self._by_group += sums.reshape(_GROUPS, size)

    def merge(self, other: SampleRatio) -> None:
        """Adds the rows of ``other``, which must count as many actions."""
        if len(other.rows) != len(self.rows):
            raise ValueError(f"actions: found {len(other.rows)}; allowed: {len(self.rows)}")
        self.rows = self.rows + other.rows
        self.eligible = self.eligible + other.eligible
        self._squares = self._squares + other._squares
        self._least = min(self._least, other._least)
        self._by_group = self._by_group + other._by_group
        self._group_rows = self._group_rows + other._group_rows

    @property
    def ratios(self) -> FloatArray:
        """[K], S(a) / n(a); NaN for an action that is in no row, or could be taken in none."""
        tested = self._tested
        sums = self._by_group.sum(axis=0)
        found: FloatArray = np.divide(sums, self.eligible, out=np.full(len(sums), math.nan), where=tested)
        return found

    @property
    def distances(self) -> FloatArray:
        """[K], (S(a) - n(a)) / sqrt(D(a)); NaN where there is no ratio."""
        tested = self._tested
        sums = self._by_group.sum(axis=0)
        # By the mean of 1 / p of the rows that took a, so that few of them do not also look sure.
        mean = np.divide(self._squares, sums, out=np.zeros_like(sums), where=tested)
        spread = np.maximum(self._squares, self.eligible * mean)
        alike = self._alike(float(spread[tested].sum()))
        # One more user, at the smallest propensity of the log, which this action's rows may have missed.
        spread = alike * spread + (alike / self._least) ** 2
        found: FloatArray = np.divide(
            sums - self.eligible, np.sqrt(spread), out=np.full(len(sums), math.nan), where=tested
        )
        return found

    @property
    def p_value(self) -> float:
        """Chance of a T as large if all propensities are right; NaN where nothing can be tested."""
        found = self.distances[self._tested]
        if not len(found):
            return math.nan
        return float(special.chdtrc(len(found), found @ found))

    @property
    def _tested(self) -> npt.NDArray[np.bool_]:
        tested: npt.NDArray[np.bool_] = (self.rows > 0) & (self.eligible > 0)
        return tested

    def _alike(self, spread: float) -> float:
        """How far the rows of one user repeat each other: variance of the groups' sums over that of as many
        rows of different users, at least 1.
        """
        total = self._group_rows.sum()
        if not total or not spread:
            return 1.0
        gaps = (self._by_group - self._group_rows[:, None] / total * self.eligible)[:, self._tested]
        gaps = gaps - gaps.mean(axis=0)
        return max(float((gaps**2).sum()) * _GROUPS / (_GROUPS - 1) / spread, 1.0)
