"""Clicks and unsubscribes of a candidate's newsletters, beside those of what it is compared with.

With k_i = 1 where the logged newsletter was clicked and u_i = 1 where it ended in an unsubscribe,

    clicks          mean(V_i + w_i (k_i - q_i)), the doubly robust value of k
    unsubscribes    mean(w_i u_i)
    difference      of each, candidate minus baseline, paired row by row

A reward of clicks and unsubscribes is a click more often than anything else, so the models' estimates of the
reward, in units of a click's, serve as V_i and q_i: with right propensities the mean is that of the clicks
whatever they say, and they take most of its variance away. Estimates of another reward tell nothing of
clicks: there V_i and q_i are 0. Weights are clipped as those of the values that the gate compares.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import Estimate, Interval, LoggedBatch, dr, ips, logged
from newsletter_bandit.off_policy.estimators.base import Estimator, Mergeable, RewardRange
from newsletter_bandit.off_policy.estimators.moments import FloatArray
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference, PolicyDifference

Figures = dict[str, "float | npt.NDArray[np.float64]"]


class Rates(Mergeable):
    """Running sums of both outcomes.

    Args:
      weight_clip: largest importance weight used.
      confidence: of the two-sided intervals.
      reward_bounds: smallest and largest reward, the largest that of a click; None where the reward is not
        made of clicks.
      has_production: the baseline is a model; otherwise it is the policy that logged the rows.
    """

    def __init__(
        self, weight_clip: float, confidence: float, reward_bounds: RewardRange | None, has_production: bool
    ) -> None:
        # What a unit of a model's estimates says of clicks.
        self._scale = 0.0 if reward_bounds is None else 1.0 / reward_bounds[1]
        low = 0.0 if reward_bounds is None else reward_bounds[0] / reward_bounds[1]
        # A first model's clicks are compared as its value is, without a clip.
        clip = weight_clip if has_production else None
        self._clicks = Paired(dr.Estimator, clip, (low, 1.0), has_production, confidence)
        self._unsubscribes = Paired(ips.Estimator, weight_clip, (0.0, 1.0), has_production, confidence)

    def add(
        self,
        clicked: FloatArray,
        unsubscribed: FloatArray,
        candidate: LoggedBatch,
        production: LoggedBatch | None,
    ) -> None:
        """Adds logged rows.

        Args:
          clicked, unsubscribed: [n], 1 or 0.
          candidate, production: the rows as each model's serving policy sees them, by the estimates that both
            share; production's is None if there is none.
        """
        batches = [one for one in (candidate, production) if one is not None]
        self._clicks.add(
            *(
                replace(
                    one,
                    reward=clicked,
                    expected_reward=one.expected_reward * self._scale,
                    logged_estimate=one.logged_estimate * self._scale,
                )
                for one in batches
            )
        )
        nothing = np.zeros(len(candidate))
        self._unsubscribes.add(
            *(
                replace(one, reward=unsubscribed, expected_reward=nothing, logged_estimate=nothing)
                for one in batches
            )
        )

    def merge(self, other: Rates) -> None:
        """Adds the rows of ``other``, which must have been made alike."""
        self._clicks.merge(other._clicks)
        self._unsubscribes.merge(other._unsubscribes)

    def figures(self) -> Figures:
        """`clicks`, its ends, and of both outcomes `<outcome>/baseline` and `<outcome>/difference...`."""
        value, ends = self._clicks.value()
        return {
            "clicks": value.value,
            "clicks/standard_error": value.standard_error,
            "clicks/low": ends.low,
            "clicks/high": ends.high,
            **self._clicks.compared("clicks"),
            **self._unsubscribes.compared("unsubscribes"),
        }


class Paired(Mergeable):
    """One outcome's mean under both policies, and their difference.

    Args:
      kind: estimator of the means.
      weight_clip: largest importance weight used; None uses them as they are.
      outcomes: smallest and largest outcome; None where that is unknown.
      has_production: see `Rates`.
      confidence: of the two-sided intervals.
    """

    def __init__(
        self,
        kind: type[Estimator],
        weight_clip: float | None,
        outcomes: RewardRange | None,
        has_production: bool,
        confidence: float,
    ) -> None:
        self._confidence = confidence
        self._candidate = kind(weight_clip, outcomes)
        self._baseline = kind(weight_clip, outcomes) if has_production else logged.Estimator(None, outcomes)
        self._difference: LoggingDifference | PolicyDifference = (
            PolicyDifference(weight_clip, outcomes)
            if has_production
            else LoggingDifference(weight_clip, outcomes)
        )

    def add(self, *batches: LoggedBatch) -> None:
        """Adds the rows as the candidate sees them, and as production does if there is one."""
        self._candidate.add(batches[0])
        self._baseline.add(batches[-1])
        self._difference.add(*batches)

    def merge(self, other: Paired) -> None:
        """Adds the rows of ``other``, which must have been made alike."""
        self._candidate.merge(other._candidate)
        self._baseline.merge(other._baseline)
        self._difference.merge(other._difference)

    def value(self) -> tuple[Estimate, Interval]:
        """The candidate's mean with its interval."""
        return self._candidate.estimate(), self._candidate.interval(self._confidence)

    def compared(self, name: str) -> Figures:
        """`<name>/baseline` and `<name>/difference`, with its ends."""
        ends = self._difference.interval(self._confidence)
        return {
            f"{name}/baseline": self._baseline.estimate().value,
            f"{name}/difference": self._difference.estimate().value,
            f"{name}/difference_low": ends.low,
            f"{name}/difference_high": ends.high,
        }
