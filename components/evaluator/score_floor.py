"""The score floor: a best reward estimate below which the default recommender does better than the model's
choice.

For each floor f of a fixed grid, the mean over all rows of

    1[best score < f] (DR_i(default recommender) - DR_i(eval policy))

is the gain of serving the default below f. It is measured against the eval policy: exploring costs reward in
order to learn, so a floor that only explores less gains nothing. The floors to try are quantiles of the best
score, so they are chosen without looking at any reward. Each lower bound allows for the number of tries
(Bonferroni). Of the floors whose bound is above 0, the one with the largest estimated gain is taken; of equal
ones, the highest.

The sums are kept per bin of the best score, so parts merge, and any floor of the grid can be asked for
afterwards.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import LoggedBatch, dr
from newsletter_bandit.off_policy.estimators.base import Mergeable, check_clip

BINS = 400  # across the reward bounds
TRIES = 20  # floors that are tried, at most: every 5% of the rows


class ScoreFloor(NamedTuple):
    """A floor and its gain; NaN if no floor gains measurably.

    Attributes:
      floor: units of reward.
      gain: reward per newsletter over all newsletters, those above the floor included.
      lower_bound: one-sided lower bound of ``gain``; it allows for the number of floors that were tried.
      share: share of the rows below the floor.
    """

    floor: float
    gain: float
    lower_bound: float
    share: float


NO_FLOOR = ScoreFloor(math.nan, math.nan, math.nan, math.nan)


class FloorGains(Mergeable):
    """Gain of each floor of the grid.

    Args:
      reward_bounds: smallest and largest reward; the grid lies between them.
      weight_clip: largest importance weight used.
    """

    def __init__(self, reward_bounds: tuple[float, float], weight_clip: float | None = None) -> None:
        check_clip(weight_clip)
        self.weight_clip = weight_clip
        # The graph compares in float32, so the grid is of such numbers.
        self._floors: npt.NDArray[np.float64] = np.linspace(
            *reward_bounds, BINS + 1, dtype=np.float32
        ).astype(np.float64)
        # Rows, sum of differences and of their squares, by the number of floors that are not above the best
        # score.
        self._sums: npt.NDArray[np.float64] = np.zeros((3, BINS + 2))

    def add(
        self, best_score: npt.NDArray[np.float64], default: LoggedBatch, eval_policy: LoggedBatch
    ) -> None:
        """Adds logged rows as the policy of the default recommender and the eval policy see them.

        Args:
          best_score: [n], largest reward estimate of an eligible recommender.
          default: rows as the default recommender's policy sees them; as the eval policy, if a user has none.
          eval_policy: the same rows as the eval policy sees them.
        """
        difference = dr.terms(default, self.weight_clip) - dr.terms(eval_policy, self.weight_clip)
        index = np.searchsorted(self._floors, best_score, side="right")
        for row, values in enumerate((None, difference, difference**2)):
            self._sums[row] += np.bincount(index, values, minlength=BINS + 2)

    def merge(self, other: FloorGains) -> None:
        """Adds the rows of ``other``; grids and clips must be the same."""
        if other.weight_clip != self.weight_clip or not np.array_equal(other._floors, self._floors):
            raise ValueError("score floors of different grids or weight clips cannot be merged")
        self._sums = self._sums + other._sums

    def best(self, confidence: float) -> ScoreFloor:
        """The floor that the module describes, its lower bound at ``confidence`` over all tries together."""
        # Column j: what lies below floor j.
        below, total, squares = np.cumsum(self._sums, axis=1)[:, : BINS + 1]
        n = float(self._sums[0].sum())
        tried = self._tried(below, n)
        if n < 2 or not len(tried):
            return NO_FLOOR
        gain = total[tried] / n
        variance = np.maximum(squares[tried] / n - gain**2, 0.0) / (n - 1)
        reach = NormalDist().inv_cdf(1.0 - (1.0 - confidence) / len(tried))
        lower = gain - reach * np.sqrt(variance)
        sure = np.flatnonzero(lower > 0.0)
        if not len(sure):
            return NO_FLOOR
        taken = max(sure, key=lambda i: (gain[i], tried[i]))
        floor = tried[taken]
        return ScoreFloor(
            float(self._floors[floor]),
            float(gain[taken]),
            float(lower[taken]),
            float(below[floor] / n),
        )

    @staticmethod
    def _tried(below: npt.NDArray[np.float64], n: float) -> npt.NDArray[np.int64]:
        """The first floor with at least each share of the rows below it; floors with none below are left
        out.
        """
        if not n:
            return np.empty(0, dtype=np.int64)
        shares = np.arange(1, TRIES + 1) / TRIES
        # Of equal shares, the last of the grid: the highest floor that treats the same rows alike.
        reached = np.searchsorted(below, shares * n - 1e-9)
        reached = reached[reached < len(below)]
        highest: npt.NDArray[np.int64] = np.searchsorted(below, below[reached], side="right") - 1
        return np.unique(highest)
