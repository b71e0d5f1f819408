"""The figures that the gate looks at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter_bandit.off_policy.checks import PartWeight
from newsletter_bandit.registry.evidence.constraints import Held
from newsletter_bandit.settings.constraints import Limit


@dataclass(frozen=True)
class Against:
    """Candidate minus another policy, paired row by row, in units of reward.

    Attributes:
      whom: version, or "logging policy".
      difference: mean paired doubly robust difference; NaN if unknown.
      lower_bound: lower end of the interval of ``difference`` at `gate.confidence`; -inf if unknown.
      upper_bound: upper end of that interval; inf if unknown.
      excess_lower_bound, excess_upper_bound: the same ends of candidate minus the share of the other that it
        must reach; those of ``difference`` where the margin is no share.
      baseline: value of the other policy; NaN where it is unknown.
      weights: mean weight of the other policy; None where that is checked elsewhere, or 1 by nature.
      clipped_weight: share of the other policy's weight that the clip takes away; 0 likewise.
    """

    whom: str
    difference: float
    lower_bound: float
    upper_bound: float
    excess_lower_bound: float
    excess_upper_bound: float
    baseline: float
    weights: PartWeight | None = None
    clipped_weight: float = 0.0


@dataclass(frozen=True)
class Bound:
    """How the candidate stands to one bound of a constraint.

    Attributes:
      limit: the bound.
      figure: what is bounded; NaN if unknown.
      lower_bound, upper_bound: bounds of how far the policy is beyond it; infinite if unknown.
      tolerance: how far it may be.
      found: what the search for a multiplier found; None where nobody searched.
    """

    limit: Limit
    figure: float
    lower_bound: float
    upper_bound: float
    tolerance: float = 0.0
    found: Held | None = None


@dataclass(frozen=True)
class GateMetrics:
    """Figures that the gate uses, of the candidate's serving policy over the whole evaluation split.

    Attributes:
      rows: evaluated rows.
      effective_sample_size: effective sample size of the importance weights.
      max_weight: largest importance weight before any clip.
      auc: AUC of the reward estimates for clicks, in [0, 1]; NaN if it is undefined.
      production_auc: the same for the model in production; None if there is none.
      of_clicks: the reward is made of clicks, and perhaps unsubscribes, alone, so that AUC tells how well the
        estimates order the rows; otherwise the rank correlation does.
      rank_correlation: of the reward estimates and the rewards, in [-1, 1]; NaN if it is undefined.
      production_rank_correlation: the same for the model in production; None if there is none.
      clicks: rows with a click, which say how sure an AUC is; infinite takes it as exact.
      difference, lower_bound, upper_bound, excess_lower_bound, excess_upper_bound, baseline: of the candidate
        against `compared_with`, as in `Against`.
      compared_with: version in production, or "logging policy".
      clipped_share: share of rows whose weight was clipped, in [0, 1].
      clipped_weight: share of the weight that the clip takes away, the larger of the models', in [0, 1].
      mean_weights: mean weights of each model, in all rows and in each slice that is large enough.
      sample_ratio_p: p-value of the sample-ratio test; NaN where nothing was tested.
      sample_ratios: by recommender, rows weighted by 1 / propensity over rows in which it was eligible.
      never_tried: recommenders in no row.
      values: by policy, its value, or an end of an interval, that must lie in the reward's range.
      reward_range: smallest and largest reward; infinite where it has no bounds.
      unbounded: terms of the reward without bounds, for which no interval can be given.
      has_unsubscribes: the reward has a term for them, or the log holds some; otherwise there is no check.
      unsubscribe_ratio: candidate's estimated unsubscribe rate over the log's; NaN if the log holds none.
      unsubscribe_excess_bound: lower bound of the candidate's rate minus `gate.max_unsubscribe_ratio` times
        the log's; -inf if unknown.
      unsubscribe_excess_upper_bound: upper bound of the same; inf if unknown.
      limits: the bounds of the constraints.
      reference: candidate against the fixed reference; None if there is none.
      estimated_by: columns by which the propensities were estimated; none where they were logged.
      left_out_share: share of the window's newsletters without a value of a term of the reward, in [0, 1];
        None where there is no such term, or nobody counted them.
      missing: by term, how many newsletters of the window have no value of it.
    """

    rows: int
    effective_sample_size: float
    max_weight: float
    auc: float
    production_auc: float | None
    difference: float
    lower_bound: float
    upper_bound: float
    excess_lower_bound: float
    excess_upper_bound: float
    baseline: float
    compared_with: str
    clicks: float = math.inf
    clipped_share: float = 0.0
    clipped_weight: float = 0.0
    mean_weights: tuple[PartWeight, ...] = ()
    sample_ratio_p: float = math.nan
    sample_ratios: Mapping[str, float] = field(default_factory=dict)
    never_tried: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    reward_range: tuple[float, float] = (-math.inf, math.inf)
    unbounded: tuple[str, ...] = ()
    of_clicks: bool = True
    rank_correlation: float = math.nan
    production_rank_correlation: float | None = None
    has_unsubscribes: bool = True
    unsubscribe_ratio: float = math.nan
    unsubscribe_excess_bound: float = -math.inf
    unsubscribe_excess_upper_bound: float = math.inf
    limits: tuple[Bound, ...] = ()
    reference: Against | None = None
    estimated_by: tuple[str, ...] = ()
    left_out_share: float | None = None
    missing: Mapping[str, int] = field(default_factory=dict)

    @property
    def against_baseline(self) -> Against:
        """Candidate against `compared_with`."""
        return Against(
            self.compared_with,
            self.difference,
            self.lower_bound,
            self.upper_bound,
            self.excess_lower_bound,
            self.excess_upper_bound,
            self.baseline,
        )
