"""How the candidate stands to each bound of its constraints.

With u_i the outcome that a constraint bounds, within its clip, and w_i a policy's importance weight,

    excess over X times the log's   mean((w_i - X) u_i), paired row by row      (IPS: no model is needed)
    excess over X                   mean(w_i u_i) - X
    excess of a share over X        mean(pi(k | x_i)) - X, or X minus that for a least share

An excess of 0 or less holds the bound. Both policies that may be served are measured, and the worse one
counts: whatever share of the newsletters explores, the bound then holds. A clip of weights hides a part of
the outcomes, at most the share of the weight that it takes away, which the gate bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from components.evaluator.rates import Figures
from newsletter_bandit.off_policy.estimators import LoggedBatch, logged
from newsletter_bandit.off_policy.estimators.base import Mergeable, RewardRange
from newsletter_bandit.off_policy.estimators.moments import FloatArray
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference
from newsletter_bandit.settings.constraints import Limit, clip_of
from newsletter_bandit.settings.use_case import UseCase


class Bounded(NamedTuple):
    """A bound and what is needed to measure it.

    Attributes:
      limit: the bound.
      clip: smallest and largest value of its outcome; None of a share.
      recommender: index of its recommender; -1 of an outcome.
    """

    limit: Limit
    clip: RewardRange | None = None
    recommender: int = -1

    @classmethod
    def of(cls, use_case: UseCase) -> tuple[Bounded, ...]:
        """Every bound of the use case."""
        return tuple(
            cls(one, recommender=use_case.recommenders.index(one.of))
            if one.kind == "share"
            else cls(one, clip_of(one.of, use_case.reward))
            for one in use_case.limits
        )


class Limits(Mergeable):
    """Running sums of every bound.

    Args:
      bounds: the bounds.
      weight_clip: largest importance weight used.
      one_sided: confidence of the one-sided bounds of an excess.
    """

    def __init__(self, bounds: Sequence[Bounded], weight_clip: float, one_sided: float) -> None:
        self._bounds = tuple(bounds)
        self._one_sided = one_sided
        self._terms = {
            number: _Term(one, weight_clip) for number, one in enumerate(self._bounds) if one.clip is not None
        }

    def add(self, outcomes: Mapping[str, FloatArray], policies: Sequence[LoggedBatch]) -> None:
        """Adds logged rows.

        Args:
          outcomes: [n] by name, before their clips.
          policies: the rows as the serving policy and the eval policy see them.
        """
        for term in self._terms.values():
            term.add(outcomes, policies)

    def merge(self, other: Limits) -> None:
        """Adds the rows of ``other``, which must have been made alike."""
        for number, term in self._terms.items():
            term.merge(other._terms[number])

    def figures(self, shares: Sequence[FloatArray]) -> Figures:
        """`limits/<number>/...` of each bound: figure, `excess_lower_bound` and `excess_upper_bound`.

        Args:
          shares: shares of the first places [K] under each policy.
        """
        found: Figures = {}
        for number, one in enumerate(self._bounds):
            term = self._terms.get(number)
            figure, low, high = _share(one, shares) if term is None else term.worst(self._one_sided)
            name = f"limits/{number}"
            found |= {
                f"{name}/figure": figure,
                f"{name}/excess_lower_bound": low,
                f"{name}/excess_upper_bound": high,
            }
        return found


def _share(one: Bounded, shares: Sequence[FloatArray]) -> tuple[float, float, float]:
    sign = 1.0 if one.limit.relation == "<=" else -1.0
    share = max((float(of_policy[one.recommender]) for of_policy in shares), key=lambda x: sign * x)
    excess = sign * (share - one.limit.bound)
    return share, excess, excess


class _Term(Mergeable):
    def __init__(self, one: Bounded, weight_clip: float) -> None:
        self._limit, self._clip = one.limit, one.clip
        multiple = one.limit.bound if one.limit.relative else 0.0
        self._excess = [LoggingDifference(weight_clip, one.clip, multiple) for _ in range(2)]
        self._log = logged.Estimator(None, one.clip)

    def add(self, outcomes: Mapping[str, FloatArray], policies: Sequence[LoggedBatch]) -> None:
        assert self._clip is not None
        within = np.clip(outcomes[self._limit.of], *self._clip)
        nothing = np.zeros(len(within))
        rows = [
            replace(one, reward=within, expected_reward=nothing, logged_estimate=nothing) for one in policies
        ]
        for excess, of_policy in zip(self._excess, rows, strict=True):
            excess.add(of_policy)
        self._log.add(rows[0])

    def merge(self, other: _Term) -> None:
        for mine, theirs in zip(self._excess, other._excess, strict=True):
            mine.merge(theirs)
        self._log.merge(other._log)

    def worst(self, one_sided: float) -> tuple[float, float, float]:
        """The policy whose excess may be largest."""
        worst = max(self._excess, key=lambda one: one.upper_bound(one_sided))
        allowed = 0.0 if self._limit.relative else self._limit.bound
        unit = self._log.estimate().value if self._limit.relative else 1.0
        excess = worst.estimate().value - allowed
        figure = self._limit.bound + excess / unit if unit > 0.0 else math.nan
        ends = worst.lower_bound(one_sided) - allowed, worst.upper_bound(one_sided) - allowed
        return figure, *ends
