"""What a policy earns and how it stands to each bound, off-policy, on rows that nothing learned from.

With u the outcome that a constraint bounds, c its estimates and w the policy's importance weight, the excess
over X times the log's mean is

    mean(sum_a pi(a | x) c(x, a) + w (u - c(x, a)) - X u)      (doubly robust, paired row by row)

and a share is mean(pi(k | x)), for which no outcome is needed. Both policies that may be served are measured,
and the worse one counts: any mixture of the two then holds the bound as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import LoggedBatch, dr
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference
from newsletter_bandit.settings.constraints import Limit, clip_of
from newsletter_bandit.settings.use_case import UseCase

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Logged rows [n] as a model sees them.

    Attributes:
      action: whole numbers [n], the logged recommender; -1 for an unknown one.
      propensity, reward: [n].
      outcomes: [n, T], of the constrained terms.
      user: uint64 [n], hashes of users.
      estimates: [n, K], of the reward.
      terms: [n, K, T], of the outcomes.
    """

    action: npt.NDArray[np.int64]
    propensity: Floats
    reward: Floats
    outcomes: Floats
    user: npt.NDArray[np.uint64]
    estimates: Floats
    terms: Floats

    def __len__(self) -> int:
        return len(self.action)


class Policies(NamedTuple):
    """First-slot probabilities [n, K] of the policies that may be served."""

    serving: Floats
    eval: Floats


class Measured(NamedTuple):
    """A policy and one bound.

    Attributes:
      figure: what is bounded: a multiple of the log's mean, a mean, or a share.
      end: the end of its interval towards the bound and beyond it.
      beyond: how far ``end`` lies beyond the bound, of an outcome moved on by the margin; 0 or less if the
        bound holds. A share has no margin, because the gate allows it a tolerance.
    """

    figure: float
    end: float
    beyond: float


class Judge:
    """Measures policies on the same rows.

    A bound of an outcome shall hold at the gate, whose rows are others. So it must hold here even if the
    interval is moved by what the gate's own interval will reach: as many rows as the gate has, ``gate_rows``,
    say how far.

    Args:
      rows: the logged rows.
      use_case: its gate gives clip and confidence, its reward the bounds.
      gate_rows: rows of the gate's evaluation, 1 or more.
    """

    def __init__(self, rows: Rows, use_case: UseCase, gate_rows: float) -> None:
        self._rows = rows
        self._use_case = use_case
        self._one_sided = (1.0 + use_case.gate.confidence) / 2.0
        self._z = NormalDist().inv_cdf(self._one_sided)
        self._margin = 1.0 + math.sqrt(len(rows) / gate_rows)
        self._every = np.arange(len(rows))
        self._known = rows.action >= 0
        self._taken = np.maximum(rows.action, 0)
        self._logged = rows.outcomes.mean(axis=0)

    def value(self, policies: Policies) -> float:
        """Doubly robust value of the serving policy, in units of reward per newsletter."""
        estimator = dr.Estimator(self._use_case.gate.weight_clip, self._use_case.reward.bounds)
        estimator.add(self._batch(policies.serving, self._rows.reward, self._rows.estimates))
        return estimator.estimate().value

    def measured(self, limit: Limit, policies: Policies) -> Measured:
        """The worse of the two policies."""
        one = self._share if limit.kind == "share" else self._term
        return max((one(limit, policy) for policy in policies), key=lambda found: found.beyond)

    def _share(self, limit: Limit, policy: Floats) -> Measured:
        taken = policy[:, self._use_case.recommenders.index(limit.of)]
        share = float(taken.mean())
        reach = self._z * float(taken.std()) / math.sqrt(len(taken))
        sign = 1.0 if limit.relation == "<=" else -1.0
        return Measured(share, share + sign * reach, sign * (share - limit.bound) + reach)

    def _term(self, limit: Limit, policy: Floats) -> Measured:
        term = self._use_case.constrained_terms.index(limit.of)
        rows, logged = self._rows, float(self._logged[term])
        excess = LoggingDifference(
            self._use_case.gate.weight_clip,
            clip_of(limit.of, self._use_case.reward),
            limit.bound if limit.relative else 0.0,
        )
        excess.add(self._batch(policy, rows.outcomes[:, term], rows.terms[:, :, term]))
        allowed = 0.0 if limit.relative else limit.bound
        found = excess.estimate().value - allowed
        reach = excess.upper_bound(self._one_sided) - allowed - found
        unit = logged if limit.relative else 1.0
        # Of a log without such an outcome, no multiple says anything.
        figure = limit.bound + found / unit if unit > 0.0 else math.nan
        return Measured(
            figure, figure + reach / unit if unit > 0.0 else math.nan, found + self._margin * reach
        )

    def _batch(self, policy: Floats, reward: Floats, estimates: Floats) -> LoggedBatch:
        here = (self._every, self._taken)
        return LoggedBatch(
            reward=reward,
            propensity=self._rows.propensity,
            evaluation_probability=np.where(self._known, policy[here], 0.0),
            expected_reward=(policy * estimates).sum(axis=1),
            logged_estimate=np.where(self._known, estimates[here], 0.0),
            user=self._rows.user,
        )


def spreads(rows: Rows, eligible: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
    """Mean distance between the largest and the smallest estimate of a row's eligible recommenders: of the
    reward, and of each term [T].
    """

    def spread(values: Floats) -> float:
        high = np.where(eligible, values, -np.inf).max(axis=1)
        low = np.where(eligible, values, np.inf).min(axis=1)
        some = eligible.any(axis=1)
        return float((high - low)[some].mean()) if some.any() else 0.0

    terms = np.array([spread(rows.terms[:, :, term]) for term in range(rows.terms.shape[2])])
    return spread(rows.estimates), terms


def finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    """The figures, None in the place of those that are unknown."""
    return {name: float(figure) if math.isfinite(figure) else None for name, figure in figures.items()}
