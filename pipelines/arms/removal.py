"""Is a recommender needed? Production's policy without it, against the same policy with it.

The policy without recommender a is the same graph, in which a is not offered: exploration, budgets and score
floor share a's part among the others as they would after its retirement. Both policies are judged on the same
logged rows, of users who were held out of the training. Row by row, as the gate compares two models,

    d_i = DR_i(without a) - DR_i(with a)         DR_i by production's reward model, its weights clipped
    gain of a's retirement  = mean(d_i)          rows of one user count together

A model that was trained without a would choose at least as well among the others, so the gain is, if
anything, underestimated. Three verdicts:

    cannot_tell  the log cannot judge production's policy (the gate's checks of the evidence), a has too few
                 rows, or the interval of the gain holds both answers
    keep         the upper end of the gain is below 0: without a, newsletters surely earn less
    retire       the lower end is at least minus `gate.allowed_margin`, as for a new model, and the estimate
                 at least minus an M-th part of it

With M recommenders judged, each interval has a confidence of 1 - (1 - gate.confidence) / M (Bonferroni), so
all verdicts are right together with the gate's confidence. By the estimates, the losses that they allow
one after the other add up to one margin at most. What two recommenders can do for each other is in no
single figure: retire one, train, and look again.

See `newsletter_bandit/off_policy/estimators/paired.py` for the paired difference, "Doubly Robust Policy
Evaluation and Optimization" by Dudik, Erhan, Langford and Li (2014) for DR_i, and "Multiple Comparisons Among
Means" by Dunn (1961) for the correction.
"""

from __future__ import annotations

from newsletter_bandit.checks import ROUNDING, shown
from newsletter_bandit.off_policy.checks import evidence, mean_weight
from newsletter_bandit.off_policy.estimators import LoggedBatch, dr
from newsletter_bandit.off_policy.estimators.base import RewardRange
from newsletter_bandit.off_policy.estimators.diagnostics import MeanWeight, Weights
from newsletter_bandit.off_policy.estimators.paired import PolicyDifference
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.settings.words import NEWSLETTER, Words
from pipelines.arms.found import Judged, Range


class Policy:
    """Running sums of the policy as it is.

    Args:
      gate: its clip is used.
      bounds: smallest and largest reward; None where it has none, and so no interval.
    """

    def __init__(self, gate: Gate, bounds: RewardRange | None) -> None:
        self._gate, self._bounds = gate, bounds
        self._value = dr.Estimator(gate.weight_clip, bounds)
        self._weights = Weights(gate.weight_clip)
        self._mean_weight = MeanWeight()

    def add(self, batch: LoggedBatch) -> None:
        """Adds logged rows."""
        self._value.add(batch)
        self._weights.add(batch)
        self._mean_weight.add(batch)

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self._weights.n

    @property
    def effective_sample_size(self) -> float:
        """Rows that the weights leave."""
        return self._weights.effective_sample_size

    @property
    def max_weight(self) -> float:
        """Largest weight before any clip."""
        return self._weights.max_unclipped

    def value(self, confidence: float) -> Range:
        """Its value, with a two-sided interval."""
        value = self._value.estimate().value
        return Range(value) if self._bounds is None else Range(value, *self._value.interval(confidence))

    def unsupported(self) -> str:
        """Why the log cannot judge this policy, as the gate's checks of the evidence say; "" if it can."""
        gate, unclipped = self._gate, self._mean_weight
        checks = (
            *evidence(self, gate),
            mean_weight(unclipped.mean, unclipped.reach, gate.mean_weight_tolerance),
        )
        failed = next((check for check in checks if check.passed is False), None)
        return "" if failed is None else f"{failed.name}: {failed.detail}"


class Removal:
    """Running sums of the policy without one recommender, against the policy with it.

    Args:
      gate: its clip is used.
      bounds: as in `Policy`.
      looks: number M of recommenders that are judged.
      words: what the reasons call things.
    """

    def __init__(self, gate: Gate, bounds: RewardRange | None, looks: int, words: Words = NEWSLETTER) -> None:
        self._gate, self._bounds, self._looks, self._words = gate, bounds, looks, words
        clip, margin = gate.weight_clip, gate.allowed_margin
        self._gain = PolicyDifference(clip, bounds)
        # Candidate minus the share of the baseline that it must reach.
        self._excess = PolicyDifference(clip, bounds, 1.0 - margin.share) if margin.share else None
        self._used, self._unclipped = Weights(clip), MeanWeight()

    def add(self, without: LoggedBatch, whole: LoggedBatch) -> None:
        """Adds the same logged rows as seen by the two policies."""
        self._gain.add(without, whole)
        if self._excess is not None:
            self._excess.add(without, whole)
        self._used.add(without)
        self._unclipped.add(without)

    def gain(self) -> Range:
        """What its retirement would gain per newsletter, at the corrected confidence."""
        value = self._gain.estimate().value
        if self._bounds is None:
            return Range(value)
        return Range(value, *self._gain.interval(corrected(self._gate, self._looks)))

    @property
    def clipped_weight(self) -> float:
        """Share of the weight that the clip takes away from the policy without it; 0 without rows."""
        used, unclipped = self._used.mean, self._unclipped.mean
        return 1.0 - used / unclipped if unclipped > 0.0 else 0.0

    def judged(self, policy_value: float) -> Judged:
        """The verdict, where the log can judge the policy with it.

        Args:
          policy_value: value of the policy with it.
        """
        gain, gate = self.gain(), self._gate
        if self._bounds is None:
            return Judged("cannot_tell", "the reward has no bounds", gain)
        if self.clipped_weight > gate.max_clipped_weight + ROUNDING:
            reason = (
                f"the clip takes away {self.clipped_weight:.1%} of the weight, more than "
                f"gate.max_clipped_weight, {gate.max_clipped_weight:.1%}"
            )
            return Judged("cannot_tell", reason, gain)
        if gain.high < -ROUNDING:
            return Judged(
                "keep", f"surely costs at least {shown(-gain.high, 2)} per {self._words.unit}", gain
            )
        if self._allowed(gain, policy_value):
            if gain.low > ROUNDING:
                return Judged(
                    "retire", f"surely gains at least {shown(gain.low, 2)} per {self._words.unit}", gain
                )
            lost = shown(max(-gain.low, 0.0), 2)
            return Judged("retire", f"surely costs at most {lost} per {self._words.unit}", gain)
        return Judged("cannot_tell", "it may be needed or not", gain)

    def _allowed(self, gain: Range, policy_value: float) -> bool:
        margin = self._gate.allowed_margin
        if gain.value < -margin.of(policy_value) / self._looks - ROUNDING:
            return False
        if self._excess is not None and policy_value > 0.0:
            one_sided = (1.0 + corrected(self._gate, self._looks)) / 2.0
            return self._excess.lower_bound(one_sided) >= -ROUNDING
        return gain.low >= -margin.reward - ROUNDING


def corrected(gate: Gate, looks: int) -> float:
    """Confidence of each of ``looks`` intervals that hold the truth together at `gate.confidence`."""
    return 1.0 - (1.0 - gate.confidence) / max(looks, 1)
