"""Unsubscribe rate of a candidate's newsletters, compared with the policy that logged the rows.

With u_i = 1 where the logged newsletter ended in an unsubscribe and w_i the candidate's importance weight,

    rate of the candidate   mean(w_i u_i)      (IPS: no model of unsubscribes is needed)
    rate of the log         mean(u_i)
    excess over X           mean((w_i - X) u_i), paired row by row

A positive excess means more than X times the log's unsubscribes. Bounds are the estimators' default, which
allows for events as rare as these.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import Estimate, Interval, LoggedBatch, ips, logged
from newsletter_bandit.off_policy.estimators.base import MeanOfTerms, Mergeable

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
        self._excess = _Excess(weight_clip, ratio)

    def add(self, batch: LoggedBatch, unsubscribed: npt.NDArray[np.float64]) -> None:
        """Adds logged rows; ``unsubscribed`` [n] is 1 or 0."""
        rows = replace(batch, reward=unsubscribed)
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


class _Excess(MeanOfTerms):
    """mean((w_i - X) u_i)."""

    def __init__(self, weight_clip: float | None, ratio: float) -> None:
        super().__init__(1, weight_clip, _RANGE)
        self._ratio = ratio

    def add(self, batch: LoggedBatch) -> None:
        """Adds rows whose reward is 1 for an unsubscribe, otherwise 0."""
        if not len(batch):
            return
        gaps = batch.weights(self.weight_clip) - self._ratio
        self._add((gaps * batch.reward)[:, None], batch)
        # The row in which an unsubscribe would move the excess most, up or down.
        for furthest in (float(gaps.max()), float(gaps.min())):
            self._extremes.add(abs(furthest), np.array([min(furthest, 0.0)]), np.array([max(furthest, 0.0)]))

    def _made_alike(self) -> tuple[object, ...]:
        return *super()._made_alike(), self._ratio
