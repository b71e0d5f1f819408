"""What the log holds of each recommender, over the weeks of a window, as running sums.

The value of always showing a recommender is that of `components/evaluator/singles.py`: the mean reward of its
rows, each weighted by 1 / propensity. Its trend is the slope of a straight line through the weekly values,
with c_t the centred number of week t,

    slope = sum_t c_t V_t / sum_t c_t^2

The error of a weekly value takes the rows of a user together. Between weeks they count as unrelated; a user
who answers alike every week moves all of them, and so the slope less than that says.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.evaluator.singles import Alone, Singles
from newsletter_bandit.off_policy.sample_ratio import SampleRatio
from pipelines.arms.found import Logged, Range, Trend, Week

FloatArray = npt.NDArray[np.float64]
_LEAST_ROWS = 100  # with fewer in a week, a value says little of the trend
_SURELY = 20.0  # chance leaves out so many once in 500 million weeks


class WindowSums:
    """Running sums over the newsletters of a window.

    Args:
      recommenders: their names, K.
      weeks: first day of each week, the oldest first.

    """

    def __init__(self, recommenders: Sequence[str], weeks: Sequence[dt.date]) -> None:
        size = len(recommenders)
        self._names, self._weeks = tuple(recommenders), tuple(weeks)
        self._counts = np.zeros((len(weeks), size))
        self._totals = np.zeros(len(weeks))
        self._rewards = np.zeros(size)
        self._singles = [Singles(size) for _ in weeks]
        self._sample_ratio = SampleRatio(size)
        self._eligible = np.zeros((len(weeks), size))

    def add(
        self,
        week: int,
        action: npt.NDArray[np.int64],
        reward: FloatArray,
        propensity: FloatArray,
        user: npt.NDArray[np.uint64],
        eligible: FloatArray,
    ) -> None:
        """Adds newsletters of one week.

        Args:
          week: its number, 0 for the oldest.
          action: [n], index of the recommender; -1 for one that is not among the K.
          reward: [n].
          propensity: [n], in (0, 1].
          user: [n], hash of the user.
          eligible: [K], newsletters in which each recommender was eligible.
        """
        known = action >= 0
        size = len(self._names)
        self._totals[week] += len(action)
        self._counts[week] += np.bincount(action[known], minlength=size)
        self._rewards += np.bincount(action[known], reward[known], minlength=size)
        self._singles[week].add(action, reward, propensity, user)
        self._sample_ratio.add(action, propensity, user)
        self._eligible[week] += eligible

    @property
    def rows(self) -> int:
        """All newsletters."""
        return int(self._totals.sum())

    def sample_ratio(self, left_out: Sequence[str] = ()) -> SampleRatio:
        """Whether each recommender stands in the log as often as its propensities say.

        A week in which a recommender was surely not offered does not count for it, whatever the lists of
        eligible ones say: at its usual rate it would have been shown `_SURELY` times, and was shown never.

        Args:
          left_out: recommenders that are not tested.
        """
        shown = self._counts > 0
        eligible = np.where(shown, self._eligible, 0.0).sum(axis=0)
        usual = self._counts.sum(axis=0) / np.maximum(eligible, 1.0)
        offered = shown | (self._eligible * usual <= _SURELY)
        found = copy.deepcopy(self._sample_ratio)
        found.eligible = np.where(offered, self._eligible, 0.0).sum(axis=0)
        found.eligible[[self._names.index(name) for name in left_out]] = 0.0
        return found

    def logged(self, confidence: float, corrected: float) -> list[Logged]:
        """Each recommender.

        Args:
          confidence: of the values' intervals.
          corrected: of the slopes' intervals.
        """
        whole = self._singles[0]
        for singles in self._singles[1:]:
            whole = whole + singles
        values = whole.each(confidence)
        weekly = [singles.each(confidence) for singles in self._singles]
        slopes = [singles.each(corrected) for singles in self._singles]
        rows = self._counts.sum(axis=0)
        return [
            self._logged(index, int(rows[index]), values, weekly, slopes) for index in range(len(self._names))
        ]

    def _logged(
        self, index: int, rows: int, values: Alone, weekly: Sequence[Alone], slopes: Sequence[Alone]
    ) -> Logged:
        slope = _slope([_range(alone, index) for alone in slopes], self._counts[:, index].tolist())
        return Logged(
            recommender=self._names[index],
            rows=rows,
            share=rows / self.rows if self.rows else 0.0,
            mean_reward=float(self._rewards[index]) / rows if rows else math.nan,
            value=_range(values, index),
            slope=slope,
            trend=_trend(slope),
            weeks=tuple(
                Week(start, int(counts[index]), float(counts[index] / total) if total else 0.0, found)
                for start, counts, total, found in zip(
                    self._weeks,
                    self._counts,
                    self._totals,
                    (_range(alone, index) for alone in weekly),
                    strict=True,
                )
            ),
        )


def _range(alone: Alone, index: int) -> Range:
    """The value; without an interval where the rows are all alike, which is no measure of chance."""
    found = Range(*(float(figures[index]) for figures in alone))
    return found if found.low < found.high else Range(found.value)


def _slope(weeks: Sequence[Range], rows: Sequence[float]) -> Range:
    """Slope per week over the weeks of `_LEAST_ROWS` rows; unknown with fewer than two of them, or where one
    has no interval.
    """
    known = [week for week, count in enumerate(rows) if count >= _LEAST_ROWS]
    if len(known) < 2 or not all(math.isfinite(weeks[week].low) for week in known):
        return Range()
    centred = np.array(known, dtype=np.float64)
    centred -= centred.mean()
    share = centred / float(centred @ centred)
    value = float(share @ [weeks[week].value for week in known])
    reach = float(np.linalg.norm(share * [(weeks[week].high - weeks[week].low) / 2.0 for week in known]))
    return Range(value, value - reach, value + reach)


def _trend(slope: Range) -> Trend:
    if slope.low > 0.0:
        return "rising"
    return "falling" if slope.high < 0.0 else "not sure"
