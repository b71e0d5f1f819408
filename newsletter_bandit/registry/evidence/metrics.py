"""`metrics.json`: every figure of an evaluation.

    {"format": 1, "compared_with": ..., "confidence": 0.95, "weight_clip": 100.0, "recommenders": [...],
     "overall": {"rows": ..., "logging_policy": {"value": ...},
                 "candidate": {"auc": ..., "serving_policy/dr": ...},
                 "production": {...} or null, "difference": {"value": ..., "lower_bound": ...},
                 "unsubscribes": {"value": ..., "ratio": ..., "excess": ..., "difference": ...},
                 "clicks": {"value": ..., "difference": ...}, "uniform": {"value": ...},
                 "terms": {"basket_chf": {"value": ..., "difference": ..., "top_share": ...}},
                 "reference": {"name": ..., "difference": {"value": ..., "lower_bound": ...}, ...} or null,
                 "score_floor": {"value": ... or null, "gain": ..., "lower_bound": ..., "share": ...},
                 "overlap": {"deals": {"logged_share": ...}}},
     "slices": {"country=CH": {...less overlap, clicks, terms, uniform, score floor and reference...,
                               "shares": {"deals": {"logged_share": ...}}}}}

A policy's value stands under `<policy>/<estimator>`, its figures under `<policy>/<estimator>/standard_error`,
`/low` and `/high` (two-sided at `confidence`). An unknown or infinite figure is null. Values are in units of
reward.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from newsletter_bandit.exported_model import EVAL_POLICY, SERVING_POLICY
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.constraints import Constraints
from newsletter_bandit.registry.evidence.record import Figure as Figure
from newsletter_bandit.registry.evidence.record import Record

_Figures = TypeVar("_Figures", bound="Figures")
_OF_ORDER = ("rank_correlation", "calibration_slope", "calibration_bias")

# A slice tells of a recommender whose share reaches this, in the log or in a policy. With all of them, the
# file of many slices and recommenders would be huge.
LEAST_SHARE = 0.005
SHARES = ("logged_share", "serving_policy_share", "production_share")


@dataclass(frozen=True)
class Figures:
    """A record of figures alone; its fields have the same names in the file."""

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """The figures that an object of the file holds; a field with a default may be missing."""
        found = {}
        for field in dataclasses.fields(cls):
            needed = field.default is dataclasses.MISSING
            found[field.name] = fields.figure(field.name) if needed else fields.later(field.name)
        return cls(**found)


@dataclass(frozen=True)
class Estimate(Figures):
    """An estimate with its standard error and its two-sided interval at the gate's confidence."""

    value: Figure
    standard_error: Figure
    low: Figure
    high: Figure

    @classmethod
    def called(cls, name: str, fields: Fields) -> Estimate:
        """The estimate whose figures stand under ``name``, `name/standard_error`, `name/low` and
        `name/high`.
        """
        ends = fields.below(name)
        return cls(fields.figure(name), *(ends.figure(end) for end in ("standard_error", "low", "high")))

    def under(self, name: str) -> dict[str, Figure]:
        """Inverse of `called`."""
        return {
            name: self.value,
            f"{name}/standard_error": self.standard_error,
            f"{name}/low": self.low,
            f"{name}/high": self.high,
        }


@dataclass(frozen=True)
class LoggingPolicy(Estimate):
    """Value of the policy that logged the rows; rates are shares of the rows.

    ``unsubscribe_rate`` counts any unsubscribe. ``unsubscribe_after_click_rate`` is None where an earlier
    version wrote the file.
    """

    click_rate: Figure
    unsubscribe_rate: Figure
    unsubscribe_after_click_rate: Figure = None

    @classmethod
    def of(cls, fields: Fields) -> LoggingPolicy:
        """The figures that an object of the file holds."""
        later = "unsubscribe_after_click_rate"
        known = [field.name for field in dataclasses.fields(cls) if field.name != later or later in fields]
        return cls(**{name: fields.figure(name) for name in known})


@dataclass(frozen=True)
class Difference(Estimate):
    """Candidate minus what it is compared with, paired; each bound is an end of the interval.

    Attributes:
      lower_bound, upper_bound: bounds of the difference.
      excess: candidate minus the share of the baseline that it must reach; the difference where the allowed
        margin is no share. The bounds are its own.
    """

    lower_bound: Figure
    upper_bound: Figure
    excess: Figure = None
    excess_lower_bound: Figure = None
    excess_upper_bound: Figure = None


@dataclass(frozen=True)
class Reference:
    """The fixed reference that the candidate is compared with besides production.

    Attributes:
      name: a version, or "logging policy".
      difference: candidate minus the reference; the excess leaves out the share that the reference's own
        margin allows as a loss.
      value: of a version, by the estimates of the comparison; None for the logging policy, as are the next.
      mean_weight, mean_weight_unclipped, mean_weight_reach: as in `Weights`.
    """

    name: str
    difference: Difference
    value: Estimate | None
    mean_weight: Figure
    mean_weight_unclipped: Figure
    mean_weight_reach: Figure

    @property
    def clipped_weight(self) -> Figure:
        """Share of the weight that the clip takes away; None where it is unknown."""
        return _clipped_weight(self.mean_weight, self.mean_weight_unclipped)

    @classmethod
    def of(cls, fields: Fields) -> Reference:
        """The reference that an object of the file holds."""
        return cls(
            name=fields.text("name"),
            difference=Difference.of(fields.object("difference")),
            value=fields.optional("value", lambda name: Estimate.of(fields.object(name))),
            mean_weight=fields.figure("mean_weight"),
            mean_weight_unclipped=fields.figure("mean_weight_unclipped"),
            mean_weight_reach=fields.figure("mean_weight_reach"),
        )


@dataclass(frozen=True)
class Clicks(Estimate):
    """The candidate's rate of clicks, doubly robust.

    Attributes:
      baseline: rate of what it is compared with.
      difference: candidate minus baseline, paired.
      difference_low, difference_high: two-sided interval of ``difference``.
    """

    baseline: Figure
    difference: Figure
    difference_low: Figure
    difference_high: Figure


@dataclass(frozen=True)
class TermFigures(Clicks):
    """A further outcome of the reward per newsletter, within its clip and before its weight.

    It is the candidate's, by importance weights alone. Without a clip it has no interval.

    Attributes:
      baseline, difference, difference_low, difference_high: as in `Clicks`.
      logged: mean of the log.
      top_share: share of the sum that the largest 1% of the log's rows carry.
      unclipped: mean of the log before the clip.
      exceeded: the magnitude that a hundredth of the log's values other than 0 exceed, before the clip; None
        where all are 0, and where an earlier version wrote the file.
    """

    logged: Figure
    top_share: Figure
    unclipped: Figure
    exceeded: Figure = None

    @property
    def clipped_away(self) -> Figure:
        """Share of the log's mean that the clip takes away; None where that is unknown or no share."""
        if self.logged is None or not self.unclipped or self.unclipped <= 0.0:
            return None
        return 1.0 - self.logged / self.unclipped


@dataclass(frozen=True)
class Uniform(Figures):
    """Reward per newsletter if each eligible recommender were sent equally often, with its interval."""

    value: Figure
    low: Figure
    high: Figure


@dataclass(frozen=True)
class Unsubscribes(Estimate):
    """The candidate's rate of unsubscribes.

    Attributes:
      ratio: the rate divided by the log's rate.
      excess: the rate minus the gate's cap times the log's rate.
      excess_lower_bound, excess_upper_bound: bounds of ``excess``.
      baseline, difference, difference_low, difference_high: as in `Clicks`; None where an earlier version
        wrote the file.
    """

    ratio: Figure
    excess: Figure
    excess_lower_bound: Figure
    excess_upper_bound: Figure = None
    baseline: Figure = None
    difference: Figure = None
    difference_low: Figure = None
    difference_high: Figure = None


@dataclass(frozen=True)
class FloorGain(Figures):
    """A score floor and its gain; all None if no floor gains measurably.

    Attributes:
      value: the floor, the best reward estimate below which the default recommender does better.
      gain: reward per newsletter, over all newsletters.
      lower_bound: one-sided lower bound of ``gain``.
      share: share of the newsletters below the floor.
    """

    value: Figure
    gain: Figure
    lower_bound: Figure
    share: Figure


@dataclass(frozen=True)
class LimitFigures(Figures):
    """One bound of a constraint, of the worse of the candidate's two policies.

    Attributes:
      figure: what is bounded: a multiple of the log's mean, a mean, or a share.
      excess_lower_bound, excess_upper_bound: bounds of how far the policy is beyond it, in units of the
        outcome or as a share; negative where the bound holds.
    """

    figure: Figure
    excess_lower_bound: Figure
    excess_upper_bound: Figure


@dataclass(frozen=True)
class ActionOverlap(Figures):
    """One recommender in the log and in the candidate's serving policy.

    Attributes:
      logged_share: share of the log.
      serving_policy_share: share of the first slots that the policy gives it.
      production_share: share that production's serving policy gives it; None where there is no production, or
        an earlier version wrote the file.
      effective_sample_size: rows of it that the weights leave.
      sample_ratio: rows of it, each weighted by 1 / propensity, over the rows in which it was eligible: 1 if
        the propensities are right; None where it is in no row.
      sample_ratio_distance: distance of that from 1 in standard errors.
      value, value_low, value_high: reward per newsletter if everybody who may get it got it, with its
        interval; None where it is in no row, or an earlier version wrote the file.
      explored_share: share of the first slots that exploring gives it, where the eval policy prefers another;
        None where an earlier version wrote the file.
    """

    logged_share: Figure
    serving_policy_share: Figure
    effective_sample_size: Figure
    sample_ratio: Figure = None
    sample_ratio_distance: Figure = None
    production_share: Figure = None
    value: Figure = None
    value_low: Figure = None
    value_high: Figure = None
    explored_share: Figure = None


@dataclass(frozen=True)
class Weights(Figures):
    """Importance weights of a policy.

    Attributes:
      effective_sample_size: number of on-policy rows with the same information.
      max_weight, max_weight_unclipped: largest weight, after and before the clip.
      mean_weight: mean weight; near 1 if the propensities are right.
      mean_weight_unclipped: the same before the clip.
      mean_weight_reach: how far from that chance may lie.
      clipped_share: share of the rows that were clipped.
      top_share: share of the whole weight that the heaviest 1% of the rows hold.
    """

    effective_sample_size: Figure
    max_weight: Figure
    max_weight_unclipped: Figure
    mean_weight: Figure
    clipped_share: Figure
    top_share: Figure
    mean_weight_unclipped: Figure = None
    mean_weight_reach: Figure = None

    @property
    def clipped_weight(self) -> Figure:
        """Share of the weight that the clip takes away; None where it is unknown."""
        return _clipped_weight(self.mean_weight, self.mean_weight_unclipped)


@dataclass(frozen=True)
class PolicyFigures:
    """Values of a policy by estimator, such as "dr", and the weights that they rest on."""

    values: Mapping[str, Estimate]
    weights: Weights

    @classmethod
    def of(cls, fields: Fields) -> PolicyFigures:
        """The figures of one policy, named without it."""
        weights = Weights.of(fields)
        known = {field.name for field in dataclasses.fields(Weights)}
        estimators = [name for name in fields.content if "/" not in name and name not in known]
        return cls({name: Estimate.called(name, fields) for name in estimators}, weights)

    def body(self) -> dict[str, Figure]:
        """Inverse of `of`."""
        values = {name: figure for key, one in self.values.items() for name, figure in one.under(key).items()}
        return values | dataclasses.asdict(self.weights)


@dataclass(frozen=True)
class ModelFigures:
    """Figures of one model.

    Attributes:
      serving_policy, eval_policy: its policies.
      auc: AUC of the reward estimates for clicks, in [0, 1]; None of a reward that is not made of clicks.
      exploration_cost: value of the eval policy minus that of the serving policy, paired.
      rank_correlation: Spearman's, of the reward estimates and the rewards, in [-1, 1]; None of a reward of
        clicks, as are the next two.
      calibration_slope: reward per unit of reward estimate; 1 if the estimates do not exaggerate.
      calibration_bias: mean estimate minus mean reward.
    """

    serving_policy: PolicyFigures
    eval_policy: PolicyFigures
    auc: Figure
    exploration_cost: Estimate
    rank_correlation: Figure = None
    calibration_slope: Figure = None
    calibration_bias: Figure = None

    @classmethod
    def of(cls, fields: Fields) -> ModelFigures:
        """The figures of one model."""
        return cls(
            serving_policy=PolicyFigures.of(fields.below(SERVING_POLICY)),
            eval_policy=PolicyFigures.of(fields.below(EVAL_POLICY)),
            auc=fields.figure("auc"),
            exploration_cost=Estimate.called("exploration_cost", fields),
            **{name: fields.later(name) for name in _OF_ORDER},
        )

    def body(self) -> dict[str, Figure]:
        """Inverse of `of`."""
        return {
            **{f"{SERVING_POLICY}/{name}": figure for name, figure in self.serving_policy.body().items()},
            **{f"{EVAL_POLICY}/{name}": figure for name, figure in self.eval_policy.body().items()},
            "auc": self.auc,
            **{name: getattr(self, name) for name in _OF_ORDER if getattr(self, name) is not None},
            **self.exploration_cost.under("exploration_cost"),
        }


@dataclass(frozen=True)
class SliceShare(Figures):
    """One recommender in a slice; the figures are those of `ActionOverlap`."""

    logged_share: Figure
    serving_policy_share: Figure
    production_share: Figure


@dataclass(frozen=True)
class SliceMetrics:
    """Figures of the rows of one slice.

    Attributes:
      rows: number of evaluated rows.
      rows_unknown_recommender: number of those whose recommender the candidate does not know.
      logging_policy: figures of the logging policy.
      difference_to_logging: candidate minus logging policy.
      difference: candidate minus what it is compared with.
      unsubscribes: unsubscribes of the candidate.
      candidate: the model that is judged.
      production: the model in production; None if there is none.
      shares: of a slice, the recommenders that reach `LEAST_SHARE` of its rows; None of all rows, which have
        `OverallMetrics.overlap`, and where an earlier version wrote the file.
    """

    rows: int
    rows_unknown_recommender: int
    logging_policy: LoggingPolicy
    difference_to_logging: Estimate
    difference: Difference
    unsubscribes: Unsubscribes
    candidate: ModelFigures
    production: ModelFigures | None
    shares: Mapping[str, SliceShare] | None = dataclasses.field(default=None, kw_only=True)

    @classmethod
    def of(cls, fields: Fields) -> SliceMetrics:
        """The figures of one slice."""
        return cls(**_of_slice(fields), shares=_shares(fields))

    def body(self) -> dict[str, Any]:
        """Inverse of `of`."""
        shares = {} if self.shares is None else {"shares": _plain(self.shares)}
        return {**self._of_all_models(), **self._of_models(), **shares}

    def _of_all_models(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "rows_unknown_recommender": self.rows_unknown_recommender,
            "logging_policy": dataclasses.asdict(self.logging_policy),
            "difference_to_logging": dataclasses.asdict(self.difference_to_logging),
            "difference": dataclasses.asdict(self.difference),
            "unsubscribes": dataclasses.asdict(self.unsubscribes),
        }

    def _of_models(self) -> dict[str, Any]:
        return {
            "candidate": self.candidate.body(),
            "production": None if self.production is None else self.production.body(),
        }


@dataclass(frozen=True)
class OverallMetrics(SliceMetrics):
    """Figures of all rows.

    Attributes:
      score_floor: score floor of the candidate's serving policy.
      overlap: overlap by recommender.
      sample_ratio: p-value of the sample-ratio test.
      reference: the fixed reference; None if there is none, as in files of earlier versions.
      clicks: clicks of the candidate; None where an earlier version wrote the file.
      uniform: a policy that learns nothing; None likewise.
      terms: by name, the further outcomes of the reward; none where an earlier version wrote the file.
      limits: by name, the bounds of the constraints. The file leaves them out where there is none, as older
        ones do.
    """

    score_floor: FloorGain
    overlap: Mapping[str, ActionOverlap]
    sample_ratio: Figure = None
    reference: Reference | None = None
    clicks: Clicks | None = None
    uniform: Uniform | None = None
    terms: Mapping[str, TermFigures] = dataclasses.field(default_factory=dict)
    limits: Mapping[str, LimitFigures] = dataclasses.field(default_factory=dict)

    @property
    def explored_share(self) -> Figure:
        """Share of the first slots that exploring changes, in [0, 1]; None where it is unknown."""
        shares = [one.explored_share for one in self.overlap.values()]
        return None if None in shares else sum(share for share in shares if share is not None)

    @classmethod
    def of(cls, fields: Fields) -> OverallMetrics:
        """The figures of all rows."""
        overlap = fields.object("overlap")
        return cls(
            **_of_slice(fields),
            score_floor=FloorGain.of(fields.object("score_floor")),
            overlap={name: ActionOverlap.of(overlap.object(name)) for name in overlap.content},
            sample_ratio=fields.later("sample_ratio"),
            reference=(
                fields.optional("reference", lambda name: Reference.of(fields.object(name)))
                if "reference" in fields
                else None
            ),
            clicks=_later(fields, "clicks", Clicks),
            uniform=_later(fields, "uniform", Uniform),
            terms=_terms(fields),
            limits=_limits(fields),
        )

    def body(self) -> dict[str, Any]:
        """Inverse of `of`."""
        return {
            **self._of_all_models(),
            "score_floor": dataclasses.asdict(self.score_floor),
            **self._of_models(),
            "overlap": _plain(self.overlap),
            "sample_ratio": self.sample_ratio,
            "reference": None if self.reference is None else dataclasses.asdict(self.reference),
            "uniform": None if self.uniform is None else dataclasses.asdict(self.uniform),
            "clicks": None if self.clicks is None else dataclasses.asdict(self.clicks),
            "terms": _plain(self.terms),
            **({"limits": _plain(self.limits)} if self.limits else {}),
        }


@dataclass(frozen=True)
class Metrics(Record):
    """Figures of an evaluation.

    Attributes:
      compared_with: version of the production model, or "logging policy".
      confidence: confidence of the two-sided intervals.
      weight_clip: largest importance weight used.
      recommenders: recommenders of the candidate.
      overall: figures of all rows.
      slices: figures by slice, such as "country=CH".
      estimated_by: columns by which the propensities were estimated that every figure rests on; none where
        they were logged. The file leaves it out then, as older ones do.
      constraints: how the candidate holds its constraints, and what they cost; None where it has none. The
        file leaves it out then, as older ones do.
    """

    FILE = "metrics.json"

    compared_with: str
    confidence: float
    weight_clip: float
    recommenders: tuple[str, ...]
    overall: OverallMetrics
    slices: Mapping[str, SliceMetrics]
    estimated_by: tuple[str, ...] = ()
    constraints: Constraints | None = None

    @property
    def propensities(self) -> str:
        """Where the propensities come from that every figure rests on, in words."""
        return f"ESTIMATED by {', '.join(self.estimated_by)}" if self.estimated_by else "logged"

    @classmethod
    def of(cls, fields: Fields) -> Metrics:
        """The metrics that a file's fields hold."""
        slices = fields.object("slices")
        return cls(
            compared_with=fields.text("compared_with"),
            confidence=fields.number("confidence"),
            weight_clip=fields.number("weight_clip"),
            recommenders=fields.texts("recommenders"),
            overall=OverallMetrics.of(fields.object("overall")),
            slices={name: SliceMetrics.of(slices.object(name)) for name in slices.content},
            estimated_by=fields.texts("estimated_by") if "estimated_by" in fields else (),
            constraints=(Constraints.of(fields.object("constraints")) if "constraints" in fields else None),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            "compared_with": self.compared_with,
            "confidence": self.confidence,
            "weight_clip": self.weight_clip,
            "recommenders": list(self.recommenders),
            "overall": self.overall.body(),
            "slices": {name: figures.body() for name, figures in self.slices.items()},
            **({"estimated_by": list(self.estimated_by)} if self.estimated_by else {}),
            **({} if self.constraints is None else {"constraints": self.constraints.body()}),
        }


def _clipped_weight(clipped: Figure, unclipped: Figure) -> Figure:
    return None if clipped is None or not unclipped else max(1.0 - clipped / unclipped, 0.0)


def _plain(by_name: Mapping[str, Figures]) -> dict[str, dict[str, Figure]]:
    return {name: dataclasses.asdict(figures) for name, figures in by_name.items()}


def _later(fields: Fields, name: str, kind: type[_Figures]) -> _Figures | None:
    """Figures that older files do not have."""
    if name not in fields:
        return None
    return fields.optional(name, lambda name: kind.of(fields.object(name)))


def _terms(fields: Fields) -> Mapping[str, TermFigures]:
    if "terms" not in fields:
        return {}
    found = fields.object("terms")
    return {name: TermFigures.of(found.object(name)) for name in found.content}


def _limits(fields: Fields) -> Mapping[str, LimitFigures]:
    if "limits" not in fields:
        return {}
    found = fields.object("limits")
    return {name: LimitFigures.of(found.object(name)) for name in found.content}


def _shares(fields: Fields) -> Mapping[str, SliceShare] | None:
    if "shares" not in fields:
        return None
    found = fields.object("shares")
    return {name: SliceShare.of(found.object(name)) for name in found.content}


def _of_slice(fields: Fields) -> dict[str, Any]:
    return {
        "rows": fields.whole("rows"),
        "rows_unknown_recommender": fields.whole("rows_unknown_recommender"),
        "logging_policy": LoggingPolicy.of(fields.object("logging_policy")),
        "difference_to_logging": Estimate.of(fields.object("difference_to_logging")),
        "difference": Difference.of(fields.object("difference")),
        "unsubscribes": Unsubscribes.of(fields.object("unsubscribes")),
        "candidate": ModelFigures.of(fields.object("candidate")),
        "production": fields.optional("production", lambda name: ModelFigures.of(fields.object(name))),
    }
