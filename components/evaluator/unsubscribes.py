"""Unsubscribe rate of a candidate's newsletters, compared with the policy that logged the rows.

With u_i = 1 where the logged newsletter ended in an unsubscribe and w_i the candidate's importance weight,

    rate of the candidate   mean(w_i u_i)      (IPS: no model of unsubscribes is needed)
    rate of the log         mean(u_i)
    excess over X           mean((w_i - X) u_i), paired row by row

A positive excess means more than X times the log's unsubscribes. Bounds are the estimators' default, which
allows for events as rare as these. A clip hides a part of the unsubscribes, at most the share of the weight
that it takes away, which the gate bounds.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import Estimate, Interval, LoggedBatch, ips, logged
from newsletter_bandit.off_policy.estimators.base import Mergeable
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference

_RANGE = (0.0, 1.0)


class Unsubscribes(Mergeable):
    """Rates of unsubscribes and their excess over a multiple of the log's.

    Args:
      weight_clip: largest importance weight used.
      ratio: X, the multiple.
    """

    def __init__(self, weight_clip: float | None = None, ratio: float = 1.0) -> None:
        self._candidate = ips.Estimator(weight_clip, _RANGE)
        self._log = logged.Estimator(weight_clip, _RANGE)
        self._excess = LoggingDifference(weight_clip, _RANGE, ratio)

    def add(self, batch: LoggedBatch, unsubscribed: npt.NDArray[np.float64]) -> None:
        """Adds logged rows; ``unsubscribed`` [n] is 1 or 0."""
        nothing = np.zeros(len(batch))
        rows = replace(batch, reward=unsubscribed, expected_reward=nothing, logged_estimate=nothing)
        self._candidate.add(rows)
        self._log.add(rows)
        self._excess.add(rows)

    def merge(self, other: Unsubscribes) -> None:
        """Adds the rows of ``other``, which must clip alike and have the same ratio."""
        self._candidate.merge(other._candidate)
        self._log.merge(other._log)
        self._excess.merge(other._excess)

    def rate(self) -> Estimate:
        """Rate of the candidate, with its standard error."""
        return self._candidate.estimate()

    def interval(self, confidence: float) -> Interval:
        """Two-sided interval of `rate`."""
        return self._candidate.interval(confidence)

    def log_rate(self) -> float:
        """Rate of the policy that logged the rows; NaN without rows."""
        return self._log.estimate().value

    def ratio(self) -> float:
        """The candidate's rate over the log's; NaN if the log holds no unsubscribe."""
        return self.rate().value / self.log_rate() if self.log_rate() > 0.0 else math.nan

    def excess(self) -> Estimate:
        """The candidate's rate minus the multiple of the log's, with its standard error."""
        return self._excess.estimate()

    def lower_bound(self, confidence: float) -> float:
        """One-sided lower bound of `excess`; -inf if the rows say nothing."""
        return self._excess.lower_bound(confidence)

    def upper_bound(self, confidence: float) -> float:
        """One-sided upper bound of `excess`; inf if the rows say nothing."""
        return self._excess.upper_bound(confidence)
