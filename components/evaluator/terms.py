"""Further outcomes of the reward, each by itself: its mean under both policies, and how heavy its tail is.

With v_i the outcome within its clip and w_i a policy's importance weight,

    of a policy     mean(w_i v_i)      (IPS: no model of a single outcome is needed)
    of the log      mean(v_i)
    difference      candidate minus baseline, paired row by row

Intervals need the range of v, which the clip gives; without a clip there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from components.evaluator.rates import Figures, Paired
from newsletter_bandit.off_policy.estimators import LoggedBatch, ips, logged
from newsletter_bandit.off_policy.estimators.base import Mergeable
from newsletter_bandit.off_policy.estimators.moments import FloatArray
from newsletter_bandit.off_policy.tails import Tail
from newsletter_bandit.settings.reward import Bounds, Reward


@dataclass(frozen=True)
class Further:
    """An outcome beside clicks and unsubscribes, with its clip."""

    name: str
    clip: Bounds | None

    @classmethod
    def of(cls, reward: Reward) -> tuple[Further, ...]:
        """The further outcomes of a reward, in its order."""
        return tuple(cls(name, term.clip) for name, term in reward.outcomes.items())


class Terms(Mergeable):
    """Running sums of every further outcome.

    Args:
      outcomes: the outcomes.
      weight_clip: largest importance weight used.
      confidence: of the two-sided intervals.
      has_production: the baseline is a model; otherwise it is the policy that logged the rows.
    """

    def __init__(
        self, outcomes: Sequence[Further], weight_clip: float, confidence: float, has_production: bool
    ) -> None:
        self._each = {one.name: _Outcome(one, weight_clip, confidence, has_production) for one in outcomes}

    def add(
        self, outcomes: Sequence[FloatArray], candidate: LoggedBatch, production: LoggedBatch | None
    ) -> None:
        """Adds logged rows.

        Args:
          outcomes: [n] of each outcome, before its clip.
          candidate, production: the rows as each model's serving policy sees them; production's is None if
            there is none.
        """
        for one, values in zip(self._each.values(), outcomes, strict=True):
            one.add(values, candidate, production)

    def merge(self, other: Terms) -> None:
        """Adds the rows of ``other``, which must have been made alike."""
        for name, one in self._each.items():
            one.merge(other._each[name])

    def figures(self) -> Figures:
        """`terms/<name>/...` of each outcome: value, `baseline`, `difference...`, `logged` and tail."""
        return {
            f"terms/{name}/{figure}": value
            for name, one in self._each.items()
            for figure, value in one.figures().items()
        }


class _Outcome(Mergeable):
    def __init__(self, of: Further, weight_clip: float, confidence: float, has_production: bool) -> None:
        self._clip = of.clip
        self._paired = Paired(ips.Estimator, weight_clip, of.clip, has_production, confidence)
        self._logged = logged.Estimator(None, of.clip)
        self._tail = Tail()
        self._unclipped = Tail()

    def add(self, values: FloatArray, candidate: LoggedBatch, production: LoggedBatch | None) -> None:
        within = values if self._clip is None else np.clip(values, *self._clip)
        nothing = np.zeros(len(values))
        batches = [
            replace(one, reward=within, expected_reward=nothing, logged_estimate=nothing)
            for one in (candidate, production)
            if one is not None
        ]
        self._paired.add(*batches)
        self._logged.add(batches[0])
        self._tail.add(within)
        self._unclipped.add(values)

    def merge(self, other: _Outcome) -> None:
        self._paired.merge(other._paired)
        self._logged.merge(other._logged)
        self._tail.merge(other._tail)
        self._unclipped.merge(other._unclipped)

    def figures(self) -> Figures:
        value, ends = self._paired.value()
        compared = self._paired.compared("")
        unclipped = self._unclipped.mean
        found: Figures = {
            "value": value.value,
            "standard_error": value.standard_error,
            "low": ends.low,
            "high": ends.high,
            **{name.removeprefix("/"): figure for name, figure in compared.items()},
            "logged": self._logged.estimate().value,
            "top_share": self._tail.top_share,
            "unclipped": unclipped,
            "exceeded": self._unclipped.high,
        }
        if self._clip is None:
            # Without a range no interval allows for values that are too rare to have been seen.
            unknown = ("standard_error", "low", "high", "difference_low", "difference_high")
            found |= dict.fromkeys(unknown, math.nan)
        return found
