"""Difference of two policies' doubly robust values on the same rows.

Row by row, with m the ``multiple`` of the baseline, 1 for a plain difference,

    d_i = DR_i(candidate) - m DR_i(baseline)      or DR_i(candidate) - m r_i against the policy that logged

What both policies share cancels, so the standard error of mean(d) is far below that of a difference of two
separate estimates. Both should be seen by one reward model: what they agree on then cancels exactly.

Mind whose model that is. A clipped weight leaves its missing part to the reward model, and a model is
optimistic about its own choices: by its own estimates, a candidate judges itself wherever the log seldom did
what it wants. With the baseline's estimates the error is on the safe side. Without a clip mean(d) is unbiased
whatever the model says, at the price of variance.

See "Doubly Robust Policy Evaluation and Optimization" by Dudik, Erhan, Langford and Li (2014) for DR_i.
"""

from __future__ import annotations

import numpy as np

from newsletter_bandit.off_policy.estimators import base, dr
from newsletter_bandit.off_policy.estimators.moments import FloatArray


class _Difference(base.MeanOfTerms):
    """mean(d_i), with the bounds of `MeanOfTerms`.

    A further row could move the difference up or down, so for each of the two the row is kept whose reward
    moves it most.
    """

    def __init__(
        self,
        weight_clip: float | None = None,
        reward_range: base.RewardRange | None = None,
        multiple: float = 1.0,
        samples: int = 0,
    ) -> None:
        super().__init__(1, weight_clip, reward_range, samples)
        if not multiple >= 0.0:
            raise ValueError(f"multiple: found {multiple}; allowed: 0 or more")
        self.multiple = multiple
        self._downwards = base.Extremes(1)

    def merge(self, other: base.MeanOfTerms) -> None:
        """Adds the rows of ``other``, which must have been made alike."""
        super().merge(other)
        assert isinstance(other, _Difference)
        self._downwards.merge(other._downwards)

    def _made_alike(self) -> tuple[object, ...]:
        return *super()._made_alike(), self.multiple

    def _limits(self) -> tuple[float, float] | None:
        if self.reward_range is None:
            return None
        low, high = self.reward_range
        ends = [candidate - self.multiple * baseline for candidate in (low, high) for baseline in (low, high)]
        return min(ends), max(ends)

    def _reach(self, mean: FloatArray, slope: FloatArray) -> tuple[float, float]:
        kept = (self._extremes, self._downwards)
        ends = [float(slope @ (end - mean)) for one in kept for end in (one.low, one.high)]
        return float(np.min(ends)), float(np.max(ends))

    def _look(self, gaps: FloatArray, without: FloatArray) -> None:
        """Keeps the rows whose reward moves the difference most, d_i = ``without`` + ``gaps`` r."""
        assert self.reward_range is not None
        for kept, reached in ((self._extremes, gaps), (self._downwards, -gaps)):
            index = base.equal_largest(reached)
            both = np.stack([without[index] + gaps[index] * end for end in self.reward_range])[..., None]
            kept.add_equals(float(reached[index[0]]), both.min(axis=0), both.max(axis=0))


class PolicyDifference(_Difference):
    """mean(DR_i(candidate) - m DR_i(baseline))."""

    def add(self, candidate: base.LoggedBatch, baseline: base.LoggedBatch) -> None:
        """Adds the same logged rows, as seen by each of the two policies.

        Raises:
          ValueError: the two batches hold different rows.
        """
        same = np.array_equal(candidate.reward, baseline.reward)
        if not same or not np.array_equal(candidate.propensity, baseline.propensity):
            raise ValueError("a paired difference needs both policies on the same logged rows")
        if not len(candidate):
            return
        clip = self.weight_clip
        terms = dr.terms(candidate, clip) - self.multiple * dr.terms(baseline, clip)
        self._add(terms[:, None], candidate)
        if self.reward_range is not None:
            gaps = candidate.weights(clip) - self.multiple * baseline.weights(clip)
            self._look(gaps, terms - gaps * candidate.reward)


class LoggingDifference(_Difference):
    """mean(DR_i(candidate) - m r_i), compared with the policy that logged the rows."""

    def add(self, candidate: base.LoggedBatch) -> None:
        """Adds logged rows."""
        if not len(candidate):
            return
        terms = dr.terms(candidate, self.weight_clip) - self.multiple * candidate.reward
        self._add(terms[:, None], candidate)
        if self.reward_range is not None:
            gaps = candidate.weights(self.weight_clip) - self.multiple
            self._look(gaps, terms - gaps * candidate.reward)
