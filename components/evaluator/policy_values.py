"""Everything the Evaluator measures, as running sums over compact rows (`rows` names their columns)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.evaluator.limits import Bounded, Limits
from components.evaluator.rates import Rates
from components.evaluator.rows import PER_MODEL, SHARED, FloatArray, OfModel, Shared, View, view
from components.evaluator.score_floor import NO_FLOOR, FloorGains
from components.evaluator.singles import Singles
from components.evaluator.terms import Further, Terms
from components.evaluator.unsubscribes import Unsubscribes
from newsletter_bandit.exported_model import EVAL_POLICY, POLICIES, SERVING_POLICY, PolicyName
from newsletter_bandit.off_policy.auc import AUC
from newsletter_bandit.off_policy.estimators import ESTIMATORS, Estimate, Interval, LoggedBatch, dr, logged
from newsletter_bandit.off_policy.estimators.base import Mergeable
from newsletter_bandit.off_policy.estimators.diagnostics import MeanWeight, Overlap, Weights
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference, PolicyDifference
from newsletter_bandit.off_policy.rank_correlation import RankCorrelation
from newsletter_bandit.off_policy.sample_ratio import SampleRatio
from newsletter_bandit.settings.reference import LoggedReference
from newsletter_bandit.settings.tables import CLICKED, UNSUBSCRIBED
from newsletter_bandit.settings.use_case import UseCase

Figures = dict[str, "float | npt.NDArray[np.float64]"]
# Group of the figures of the candidate minus the reference.
REFERENCE = "reference"
# Last parts of the names of what needs the reward's bounds, and groups of what has bounds of its own.
_ENDS = frozenset(
    f"{of}{end}" for of in ("", "excess_", "value_") for end in ("low", "high", "lower_bound", "upper_bound")
) | {"standard_error"}
_OWN_RANGE = frozenset({"unsubscribes", "clicks", "terms", "limits"})


@dataclass(frozen=True)
class Measuring:
    """Settings of the measurement.

    Attributes:
      recommenders: number K of the candidate's recommenders.
      weight_clip: largest importance weight used.
      confidence: of the two-sided intervals; one-sided bounds are their ends, so each fails by
        (1 - confidence) / 2.
      reward_bounds: smallest and largest reward; None where it has none, and so no interval.
      multiple: share of the baseline's value that a candidate must reach: 1 less the share that the gate
        allows it to lose; 1 where the allowed margin is not a share.
      max_unsubscribe_ratio: X of the excess of unsubscribes over X times the log's; None measures it over the
        log's.
      reference_multiple: share of the reference's value that a candidate must reach, like ``multiple``.
      reference_is_log: the reference is the policy that logged the rows.
      retired: indices of the recommenders that are ranked no more. Lists go on naming them, so nobody knows
        in which rows they were eligible, and the sample ratio leaves them out.
      of_clicks: the reward is made of clicks, and perhaps unsubscribes, alone.
      outcomes: its further outcomes, in the order of the rows' columns.
      limits: the bounds of the use case's constraints.
    """

    recommenders: int
    weight_clip: float
    confidence: float
    reward_bounds: tuple[float, float] | None = (-1.0, 1.0)
    multiple: float = 1.0
    max_unsubscribe_ratio: float | None = None
    reference_multiple: float = 1.0
    reference_is_log: bool = False
    retired: tuple[int, ...] = ()
    of_clicks: bool = True
    outcomes: tuple[Further, ...] = ()
    limits: tuple[Bounded, ...] = ()

    @property
    def one_sided(self) -> float:
        """Confidence of the one-sided bounds."""
        return (1.0 + self.confidence) / 2.0

    @classmethod
    def of(cls, use_case: UseCase) -> Measuring:
        """The settings that the use case's reward and gate give."""
        gate = use_case.gate
        return cls(
            len(use_case.recommenders),
            gate.weight_clip,
            gate.confidence,
            use_case.reward.bounds,
            1.0 - gate.allowed_margin.share,
            gate.max_unsubscribe_ratio,
            1.0 - gate.reference_margin.share,
            isinstance(gate.reference, LoggedReference),
            tuple(map(use_case.recommenders.index, use_case.retired)),
            use_case.reward.of_clicks,
            Further.of(use_case.reward),
            Bounded.of(use_case),
        )


class _PolicyValue(Mergeable):
    """All estimators of one policy of one model."""

    def __init__(self, measuring: Measuring) -> None:
        self._confidence = measuring.confidence
        self.estimators = {
            name: kind(measuring.weight_clip, measuring.reward_bounds) for name, kind in ESTIMATORS.items()
        }
        self.weights = Weights(measuring.weight_clip)
        self.mean_weight = MeanWeight()

    def add(self, batch: LoggedBatch) -> None:
        for estimator in self.estimators.values():
            estimator.add(batch)
        self.weights.add(batch)
        self.mean_weight.add(batch)

    def merge(self, other: _PolicyValue) -> None:
        for name, estimator in self.estimators.items():
            estimator.merge(other.estimators[name])
        self.weights.merge(other.weights)
        self.mean_weight.merge(other.mean_weight)

    def figures(self) -> Figures:
        found: Figures = {}
        for name, estimator in self.estimators.items():
            found |= _with_interval(name, estimator.estimate(), estimator.interval(self._confidence))
        return found | {
            "effective_sample_size": self.weights.effective_sample_size,
            "max_weight": self.weights.max,
            "max_weight_unclipped": self.weights.max_unclipped,
            "mean_weight": self.weights.mean,
            "mean_weight_unclipped": self.mean_weight.mean,
            "mean_weight_reach": self.mean_weight.reach,
            "clipped_share": self.weights.clipped_share,
            "top_share": self.weights.top_share,
        }


class _ModelValues(Mergeable):
    """Both policies of one model, the cost of exploring (eval minus serving policy, paired), and how well its
    estimates order the rows: AUC for clicks, rank correlation and calibration for other rewards.
    """

    def __init__(self, measuring: Measuring) -> None:
        self._confidence = measuring.confidence
        self.policies = {name: _PolicyValue(measuring) for name in POLICIES}
        self._exploration_cost = PolicyDifference(measuring.weight_clip, measuring.reward_bounds)
        self._auc = AUC()
        self._order = None if measuring.of_clicks else RankCorrelation()

    def add(self, rows: Shared, own: OfModel, batches: Mapping[PolicyName, LoggedBatch]) -> None:
        known = own.known > 0.0
        if self._order is None:
            self._auc.add(own.score[known], rows.clicked[known] > 0.0)
        else:
            self._order.add(own.logged_estimate[known], rows.reward[known])
        for name, policy in self.policies.items():
            policy.add(batches[name])
        self._exploration_cost.add(batches[EVAL_POLICY], batches[SERVING_POLICY])

    def merge(self, other: _ModelValues) -> None:
        for name, policy in self.policies.items():
            policy.merge(other.policies[name])
        self._exploration_cost.merge(other._exploration_cost)
        self._auc.merge(other._auc)
        if self._order is not None:
            assert other._order is not None
            self._order.merge(other._order)

    def figures(self) -> Figures:
        found: Figures = {
            f"{name}/{figure}": value
            for name, policy in self.policies.items()
            for figure, value in policy.figures().items()
        }
        found["auc"] = self._auc.value()
        if self._order is not None:
            found["rank_correlation"] = self._order.value()
            found["calibration_slope"] = self._order.slope()
            found["calibration_bias"] = self._order.bias()
        cost = self._exploration_cost
        return found | _with_interval("exploration_cost", cost.estimate(), cost.interval(self._confidence))


class _Compared(Mergeable):
    """Candidate minus its baseline, and minus the share of the baseline that it must reach."""

    def __init__(
        self,
        measuring: Measuring,
        kind: type[PolicyDifference | LoggingDifference],
        weight_clip: float | None,
        multiple: float,
    ) -> None:
        self._confidence = measuring.confidence
        self._one_sided = measuring.one_sided
        self.difference = kind(weight_clip, measuring.reward_bounds)
        # The same sums where the margin is no share.
        self.excess = (
            self.difference if multiple == 1.0 else kind(weight_clip, measuring.reward_bounds, multiple)
        )

    def add(self, *batches: LoggedBatch) -> None:
        self.difference.add(*batches)
        if self.excess is not self.difference:
            self.excess.add(*batches)

    def merge(self, other: _Compared) -> None:
        self.difference.merge(other.difference)
        if self.excess is not self.difference:
            self.excess.merge(other.excess)

    def figures(self, name: str = "difference") -> Figures:
        found, excess = self.difference, self.excess
        return {
            **_with_interval(name, found.estimate(), found.interval(self._confidence)),
            f"{name}/lower_bound": found.lower_bound(self._one_sided),
            f"{name}/upper_bound": found.upper_bound(self._one_sided),
            f"{name}/excess": excess.estimate().value,
            f"{name}/excess_lower_bound": excess.lower_bound(self._one_sided),
            f"{name}/excess_upper_bound": excess.upper_bound(self._one_sided),
        }


class _Reference(Mergeable):
    """Candidate minus an earlier version, and what tells whether the log can judge that version.

    What the clip takes away is left to production's estimates, which are low for whatever production does
    not choose. For the candidate that is the safe side, for the reference it is not, so the gate bounds the
    share.
    """

    def __init__(self, measuring: Measuring) -> None:
        self._confidence = measuring.confidence
        clip = measuring.weight_clip
        self._compared = _Compared(measuring, PolicyDifference, clip, measuring.reference_multiple)
        self._value = dr.Estimator(clip, measuring.reward_bounds)
        self._weights = Weights(clip)
        self._mean_weight = MeanWeight()

    def add(self, candidate: LoggedBatch, reference: LoggedBatch) -> None:
        self._compared.add(candidate, reference)
        self._value.add(reference)
        self._weights.add(reference)
        self._mean_weight.add(reference)

    def merge(self, other: _Reference) -> None:
        self._compared.merge(other._compared)
        self._value.merge(other._value)
        self._weights.merge(other._weights)
        self._mean_weight.merge(other._mean_weight)

    def compared(self) -> Figures:
        return self._compared.figures(REFERENCE)

    def figures(self) -> Figures:
        value = self._value
        return {
            **_with_interval("value", value.estimate(), value.interval(self._confidence)),
            "mean_weight": self._weights.mean,
            "mean_weight_unclipped": self._mean_weight.mean,
            "mean_weight_reach": self._mean_weight.reach,
        }


class PolicyValues(Mergeable):
    """Values of the logging policy and of one to three models on the same rows.

    A model that does not know a row's recommender never takes it: weight 0, as for any action that it does
    not choose. Leaving such rows out would bias every estimate. Those that the candidate does not know are
    counted.

    Args:
      models: 1 (candidate), 2 (candidate, production) or 3 (and the reference).
      measuring: settings of the measurement.
    """

    def __init__(self, models: int, measuring: Measuring) -> None:
        if models not in (1, 2, 3):
            raise ValueError(f"models: found {models}; allowed: 1, 2 or 3")
        self._measuring = measuring
        self._columns = SHARED + PER_MODEL * models + len(measuring.outcomes)
        self.rows = 0
        self.rows_unknown_recommender = 0
        self._clicks = 0.0
        self._unsubscribes_after_click = 0.0
        self._logged = logged.Estimator(reward_range=measuring.reward_bounds)
        self._models = [_ModelValues(measuring) for _ in range(min(models, 2))]
        self._reference = _Reference(measuring) if models == 3 else None
        self._overlap = Overlap(measuring.recommenders, measuring.weight_clip)
        cap = measuring.max_unsubscribe_ratio
        self._to_logging = _Compared(measuring, LoggingDifference, None, measuring.multiple)
        self._to_production = _Compared(
            measuring, PolicyDifference, measuring.weight_clip, measuring.multiple
        )
        # Nothing is measured twice: a first model is compared with the log as it is.
        self._to_log = (
            _Compared(measuring, LoggingDifference, None, measuring.reference_multiple)
            if measuring.reference_is_log and models == 2
            else None
        )
        self._sample_ratio = SampleRatio(measuring.recommenders)
        self._taken = np.zeros(measuring.recommenders)
        self._explored = np.zeros(measuring.recommenders)
        self._preferred = np.zeros(measuring.recommenders)
        self._taken_by_production = np.full(measuring.recommenders, 0.0 if models > 1 else math.nan)
        self._unsubscribes = Unsubscribes(measuring.weight_clip, 1.0 if cap is None else cap)
        self._floors = (
            None
            if measuring.reward_bounds is None
            else FloorGains(measuring.reward_bounds, measuring.weight_clip)
        )
        self._singles = Singles(measuring.recommenders)
        self._rates = Rates(
            measuring.weight_clip,
            measuring.confidence,
            measuring.reward_bounds if measuring.of_clicks else None,
            has_production=models > 1,
        )
        self._terms = Terms(
            measuring.outcomes, measuring.weight_clip, measuring.confidence, has_production=models > 1
        )
        self._limits = Limits(measuring.limits, measuring.weight_clip, measuring.one_sided)

    def add(self, rows: Sequence[FloatArray] | FloatArray) -> None:
        """Adds rows, each laid out as `rows` says.

        Raises:
          DataError: a probability, propensity, reward or estimate is out of its range.
        """
        table = np.asarray(rows, dtype=np.float64).reshape(len(rows), self._columns)
        if not len(table):
            return
        # Column by column in memory, because everything below reads them so.
        table = np.asfortranarray(table)
        seen = view(table, len(self._measuring.outcomes))
        shared, batches = seen.shared, _batches(seen)
        known = seen.models[0].known > 0.0
        self.rows += len(table)
        self.rows_unknown_recommender += int(np.count_nonzero(~known))
        self._clicks += float(shared.clicked.sum())
        self._unsubscribes_after_click += float((shared.clicked * shared.unsubscribed).sum())
        for values, own, of_model in zip(self._models, seen.models, batches, strict=False):
            values.add(shared, own, of_model)
        candidate = batches[0][SERVING_POLICY]
        self._logged.add(candidate)
        if known.any():
            of_known = candidate if known.all() else self._of(table[known])
            self._overlap.add(of_known, shared.action[known].astype(np.int64))
        self._unsubscribes.add(candidate, shared.unsubscribed)
        default = _seen_by(shared, seen.models[0], shared.default_probability, shared.default_value)
        if self._floors is not None:
            self._floors.add(shared.best_score, default, batches[0][EVAL_POLICY])
        self._sample_ratio.add(
            shared.action.astype(np.int64), shared.propensity, shared.user.astype(np.uint64)
        )
        compared = [as_compared(shared, own) for own in seen.models]
        self._to_logging.add(compared[0])
        production = compared[1] if len(compared) > 1 else None
        self._singles.add(
            shared.action.astype(np.int64), shared.reward, shared.propensity, shared.user.astype(np.uint64)
        )
        self._rates.add(shared.clicked, shared.unsubscribed, compared[0], production)
        self._terms.add(seen.outcomes, compared[0], production)
        outcomes = {
            one.name: column for one, column in zip(self._measuring.outcomes, seen.outcomes, strict=True)
        }
        outcomes |= {CLICKED: shared.clicked, UNSUBSCRIBED: shared.unsubscribed}
        self._limits.add(outcomes, [batches[0][name] for name in (SERVING_POLICY, EVAL_POLICY)])
        if len(self._models) == 2:
            self._to_production.add(*compared[:2])
        if self._reference is not None:
            self._reference.add(compared[0], compared[2])
        if self._to_log is not None:
            self._to_log.add(compared[0])

    def add_recommenders(self, sums: FloatArray) -> None:
        """Adds sums over all rows, [5, K] as `rows.recommender_sums` gives them."""
        self._sample_ratio.eligible += sums[0]
        self._sample_ratio.eligible[list(self._measuring.retired)] = 0.0
        self._taken += sums[1]
        self._taken_by_production += sums[2]
        self._explored += sums[3]
        self._preferred += sums[4]

    def merge(self, other: PolicyValues) -> None:
        """Adds the rows that ``other`` has seen."""
        self.rows += other.rows
        self.rows_unknown_recommender += other.rows_unknown_recommender
        self._clicks += other._clicks
        self._unsubscribes_after_click += other._unsubscribes_after_click
        self._logged.merge(other._logged)
        for mine, theirs in zip(self._models, other._models, strict=True):
            mine.merge(theirs)
        self._overlap.merge(other._overlap)
        self._to_logging.merge(other._to_logging)
        self._to_production.merge(other._to_production)
        if self._reference is not None:
            assert other._reference is not None
            self._reference.merge(other._reference)
        if self._to_log is not None:
            assert other._to_log is not None
            self._to_log.merge(other._to_log)
        self._unsubscribes.merge(other._unsubscribes)
        if self._floors is not None:
            assert other._floors is not None
            self._floors.merge(other._floors)
        self._rates.merge(other._rates)
        self._terms.merge(other._terms)
        self._limits.merge(other._limits)
        self._singles.merge(other._singles)
        self._sample_ratio.merge(other._sample_ratio)
        self._taken = self._taken + other._taken
        self._taken_by_production = self._taken_by_production + other._taken_by_production
        self._explored = self._explored + other._explored
        self._preferred = self._preferred + other._preferred

    def figures(self) -> list[Figures]:
        """Figures by name, one dictionary per model.

        The first two models each have `auc`, `<policy>/<estimator>` with `/standard_error`, `/low` and
        `/high`, the policy's weight figures, and `exploration_cost`. The candidate's also holds `rows`,
        `rows_unknown_recommender`, `logging_policy...`, `difference...` (candidate minus production, or minus
        the logging policy where nothing is in production), `difference_to_logging...`, `unsubscribes...`,
        `clicks...`, `terms/...`, `limits/...`, `score_floor...`, `overlap/...` ([K] arrays) and, if there is
        a reference, `reference...`, candidate minus that. The reference has `value...` and the figures of its
        mean weight.
        """
        found = [model.figures() for model in self._models]
        logging, confidence = self._logged, self._measuring.confidence
        compared = self._to_production if len(self._models) == 2 else self._to_logging
        to_logging = self._to_logging.difference
        found[0] |= {
            "rows": float(self.rows),
            "rows_unknown_recommender": float(self.rows_unknown_recommender),
            **_with_interval("logging_policy", logging.estimate(), logging.interval(confidence)),
            "logging_policy/click_rate": self._share(self._clicks),
            "logging_policy/unsubscribe_rate": self._unsubscribes.log_rate(),
            "logging_policy/unsubscribe_after_click_rate": self._share(self._unsubscribes_after_click),
            **compared.figures(),
            **_with_interval("difference_to_logging", to_logging.estimate(), to_logging.interval(confidence)),
            **self._unsubscribe_figures(),
            **self._rates.figures(),
            **self._terms.figures(),
            **self._limits.figures([sums / max(self.rows, 1) for sums in (self._taken, self._preferred)]),
            **self._single_figures(),
            **self._floor_figures(),
            "overlap/logged_share": self._overlap.logged_share,
            "overlap/serving_policy_share": self._taken / max(self.rows, 1),
            "overlap/production_share": self._taken_by_production / max(self.rows, 1),
            "overlap/explored_share": self._explored / max(self.rows, 1),
            "overlap/sample_ratio": self._sample_ratio.ratios,
            "overlap/sample_ratio_distance": self._sample_ratio.distances,
            "sample_ratio": self._sample_ratio.p_value,
            "overlap/effective_sample_size": self._overlap.effective_sample_size,
        }
        if self._reference is not None:
            found[0] |= self._reference.compared()
            found.append(self._reference.figures())
        if self._to_log is not None:
            found[0] |= self._to_log.figures(REFERENCE)
        if self._measuring.reward_bounds is None:
            return [_without_intervals(figures) for figures in found]
        return found

    def _of(self, rows: FloatArray) -> LoggedBatch:
        """The rows as the candidate's serving policy sees them."""
        return _batches(view(rows, len(self._measuring.outcomes)))[0][SERVING_POLICY]

    def _share(self, count: float) -> float:
        return count / self.rows if self.rows else math.nan

    def _unsubscribe_figures(self) -> Figures:
        found, how = self._unsubscribes, self._measuring
        return {
            **_with_interval("unsubscribes", found.rate(), found.interval(how.confidence)),
            "unsubscribes/ratio": found.ratio(),
            "unsubscribes/excess": found.excess().value,
            "unsubscribes/excess_lower_bound": found.lower_bound(how.one_sided),
            "unsubscribes/excess_upper_bound": found.upper_bound(how.one_sided),
        }

    def _single_figures(self) -> Figures:
        each = self._singles.each(self._measuring.confidence)
        uniform = self._singles.uniform(self._measuring.confidence)
        return {
            "uniform": float(uniform.value[0]),
            "uniform/low": float(uniform.low[0]),
            "uniform/high": float(uniform.high[0]),
            "overlap/value": each.value,
            "overlap/value_low": each.low,
            "overlap/value_high": each.high,
        }

    def _floor_figures(self) -> Figures:
        best = NO_FLOOR if self._floors is None else self._floors.best(self._measuring.one_sided)
        return {
            "score_floor": best.floor,
            "score_floor/gain": best.gain,
            "score_floor/lower_bound": best.lower_bound,
            "score_floor/share": best.share,
        }


def _batches(rows: View) -> list[dict[PolicyName, LoggedBatch]]:
    """The rows as each policy of each model sees them."""
    return [
        {
            SERVING_POLICY: _seen_by(rows.shared, own, own.serving_probability, own.serving_value),
            EVAL_POLICY: _seen_by(rows.shared, own, own.eval_probability, own.eval_value),
        }
        for own in rows.models
    ]


def _seen_by(rows: Shared, own: OfModel, probability: FloatArray, value: FloatArray) -> LoggedBatch:
    """The rows as a policy sees them, by the model's estimates."""
    return LoggedBatch(
        reward=rows.reward,
        propensity=rows.propensity,
        evaluation_probability=probability,
        expected_reward=value,
        logged_estimate=own.logged_estimate,
        user=rows.user.astype(np.uint64),
    )


def as_compared(rows: Shared, own: OfModel) -> LoggedBatch:
    """The rows as a model's serving policy sees them, by the estimates that both models share."""
    return LoggedBatch(
        reward=rows.reward,
        propensity=rows.propensity,
        evaluation_probability=own.serving_probability,
        expected_reward=own.common_value,
        logged_estimate=own.common_estimate,
        user=rows.user.astype(np.uint64),
    )


def _without_intervals(figures: Figures) -> Figures:
    """The figures without the ends of the reward's intervals, which would leave out values that are too rare
    to have been seen.
    """
    return {
        name: (np.full(np.shape(value), math.nan) if np.ndim(value) else math.nan) if _is_end(name) else value
        for name, value in figures.items()
    }


def _is_end(name: str) -> bool:
    return name.split("/", 1)[0] not in _OWN_RANGE and name.rpartition("/")[2] in _ENDS


def _with_interval(name: str, estimate: Estimate, interval: Interval) -> Figures:
    return {
        name: estimate.value,
        f"{name}/standard_error": estimate.standard_error,
        f"{name}/low": interval.low,
        f"{name}/high": interval.high,
    }
