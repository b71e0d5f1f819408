"""From TFMA's results to the figures of `metrics.json`, and from these to the figures that the gate uses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.evaluator.gate_metrics import Against, Bound, GateMetrics
from components.evaluator.policy_values import REFERENCE
from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.checks import PartWeight
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence import Constraints, Metrics
from newsletter_bandit.registry.evidence.metrics import (
    LEAST_SHARE,
    SHARES,
    Difference,
    Estimate,
    ModelFigures,
    OverallMetrics,
    SliceMetrics,
)
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.window_log import WindowLog

# Figures of one slice: model ("candidate", "production" or "reference") -> figure -> number or [K] list.
SliceFigures = Mapping[str, Mapping[str, Any]]
OVERALL = "overall"
CANDIDATE = "candidate"
PRODUCTION = "production"
MODELS = (CANDIDATE, PRODUCTION, REFERENCE)
_OF_WEIGHTS = ("mean_weight", "mean_weight_unclipped", "mean_weight_reach")
# Groups of figures that are the whole comparison's, though TFMA files them under the candidate.
_OF_ALL_MODELS = (
    "logging_policy",
    "difference_to_logging",
    "difference",
    "unsubscribes",
    "clicks",
    "terms",
    "limits",
    "uniform",
    "score_floor",
    "overlap",
    REFERENCE,
)


def build(
    slices: Mapping[str, SliceFigures],
    use_case: UseCase,
    compared_with: str,
    reference: str | None = None,
    constraints: Constraints | None = None,
) -> Metrics:
    """The figures of an evaluation.

    Args:
      slices: figures by slice; "overall" must be among them.
      use_case: gives the recommenders and the gate's settings.
      compared_with: version in production, or "logging policy".
      reference: name of what the candidate is compared with as well; None if there is nothing.
      constraints: how the candidate holds its constraints; None where it has none.

    Raises:
      DataError: there was no row at all, or a figure is missing.
    """
    if OVERALL not in slices or not slices[OVERALL].get(CANDIDATE, {}).get("rows"):
        raise DataError(
            "evaluation split: no row with a recommender of this use case; allowed: at least one "
            "(widen the window or raise eval_share)"
        )
    limits = [limit.name for limit in use_case.limits]
    arranged = {
        name: _arrange(figures, use_case.recommenders, reference, limits)
        for name, figures in sorted(slices.items())
    }
    content = {
        "compared_with": compared_with,
        "confidence": use_case.gate.confidence,
        "weight_clip": use_case.gate.weight_clip,
        "recommenders": list(use_case.recommenders),
        OVERALL: arranged.pop(OVERALL),
        "slices": arranged,
        "estimated_by": list(use_case.ingest.estimated_by),
        **({} if constraints is None else {"constraints": constraints.body()}),
    }
    return Metrics.of(Fields(content, "evaluation results"))


def gate_metrics(metrics: Metrics, use_case: UseCase, log: WindowLog | None = None) -> GateMetrics:
    """Figures that the gate uses; an unknown figure becomes NaN, an unknown bound an infinite one.

    Args:
      metrics: of the evaluation.
      use_case: gives reward and gate.
      log: what the window holds; None where nobody looked, and then the rows left out are not judged.
    """
    overall = metrics.overall
    weights = overall.candidate.serving_policy.weights
    difference, unsubscribes = overall.difference, overall.unsubscribes
    models = _models(overall)
    policies = {name: model.serving_policy for name, model in models.items()}
    return GateMetrics(
        rows=overall.rows,
        effective_sample_size=_or(weights.effective_sample_size, 0.0),
        max_weight=_or(weights.max_weight_unclipped, math.inf),
        auc=_or(overall.candidate.auc, math.nan),
        production_auc=None if overall.production is None else _or(overall.production.auc, math.nan),
        of_clicks=use_case.reward.of_clicks,
        rank_correlation=_or(overall.candidate.rank_correlation, math.nan),
        production_rank_correlation=(
            None if overall.production is None else _or(overall.production.rank_correlation, math.nan)
        ),
        difference=_or(difference.value, math.nan),
        lower_bound=_or(difference.lower_bound, -math.inf),
        upper_bound=_or(difference.upper_bound, math.inf),
        excess_lower_bound=_or(difference.excess_lower_bound, -math.inf),
        excess_upper_bound=_or(difference.excess_upper_bound, math.inf),
        baseline=_baseline(overall, use_case.gate.allowed_margin.share),
        compared_with=metrics.compared_with,
        clicks=overall.rows * _or(overall.logging_policy.click_rate, 0.0),
        clipped_share=_or(weights.clipped_share, 0.0),
        clipped_weight=max(_or(one.weights.clipped_weight, 0.0) for one in policies.values()),
        mean_weights=tuple(_mean_weights(metrics, use_case.gate.min_rows)),
        sample_ratio_p=_or(overall.sample_ratio, math.nan),
        sample_ratios={
            name: found.sample_ratio
            for name, found in overall.overlap.items()
            if found.sample_ratio is not None
        },
        never_tried=tuple(name for name, found in overall.overlap.items() if not found.logged_share),
        values={name: _or(one.values["dr"].value, math.nan) for name, one in policies.items()},
        reward_range=use_case.reward.bounds or (-math.inf, math.inf),
        unbounded=use_case.reward.unbounded,
        has_unsubscribes=use_case.reward.tells_of_unsubscribes(overall.logging_policy.unsubscribe_rate),
        unsubscribe_ratio=_or(unsubscribes.ratio, math.nan),
        unsubscribe_excess_bound=_or(unsubscribes.excess_lower_bound, -math.inf),
        unsubscribe_excess_upper_bound=_or(unsubscribes.excess_upper_bound, math.inf),
        limits=tuple(_bounds(metrics, use_case)),
        reference=_against_reference(overall, use_case.gate.reference_margin.share),
        estimated_by=metrics.estimated_by,
        left_out_share=None if log is None or not use_case.reward.outcomes else log.left_out_share,
        missing={} if log is None else log.missing,
    )


def _bounds(metrics: Metrics, use_case: UseCase) -> Iterator[Bound]:
    search = () if metrics.constraints is None else metrics.constraints.limits
    held = {one.name: one for one in search}
    for limit in use_case.limits:
        found = metrics.overall.limits[limit.name]
        share = limit.kind == "share"
        yield Bound(
            limit=limit,
            figure=_or(found.figure, math.nan),
            lower_bound=_or(found.excess_lower_bound, -math.inf),
            upper_bound=_or(found.excess_upper_bound, math.inf),
            tolerance=use_case.constraint_search.share_tolerance if share else 0.0,
            found=held.get(limit.name),
        )


def _against_reference(overall: OverallMetrics, share: float) -> Against | None:
    found = overall.reference
    if found is None:
        return None
    difference, earned = found.difference, overall.logging_policy.value
    weights, clipped = None, 0.0
    if found.value is not None:
        earned = found.value.value
        mean, reach = found.mean_weight_unclipped, found.mean_weight_reach
        weights = PartWeight(REFERENCE, _or(mean, math.nan), _or(reach, math.inf))
        clipped = _or(found.clipped_weight, 0.0)
    return Against(
        whom=found.name,
        difference=_or(difference.value, math.nan),
        lower_bound=_or(difference.lower_bound, -math.inf),
        upper_bound=_or(difference.upper_bound, math.inf),
        excess_lower_bound=_or(difference.excess_lower_bound, -math.inf),
        excess_upper_bound=_or(difference.excess_upper_bound, math.inf),
        baseline=_compared_value(difference, share, _or(earned, math.nan)),
        weights=weights,
        clipped_weight=clipped,
    )


def _baseline(overall: OverallMetrics, share: float) -> float:
    """Value of what the candidate is compared with; NaN where it is unknown."""
    earned = overall.logging_policy.value
    if overall.production is not None:
        earned = overall.production.serving_policy.values["dr"].value
    return _compared_value(overall.difference, share, _or(earned, math.nan))


def _compared_value(difference: Difference, share: float, otherwise: float) -> float:
    """Value of a baseline by the estimates of the comparison, of which the excess leaves a share out."""
    if share and difference.value is not None and difference.excess is not None:
        return (difference.excess - difference.value) / share
    return otherwise


def _models(figures: SliceMetrics) -> dict[str, ModelFigures]:
    found = {CANDIDATE: figures.candidate, PRODUCTION: figures.production}
    return {name: model for name, model in found.items() if model is not None}


def _mean_weights(metrics: Metrics, min_rows: int) -> Iterator[PartWeight]:
    """Mean weights of all rows, then of the slices of as many rows as a verdict needs."""
    large = {name: figures for name, figures in metrics.slices.items() if figures.rows >= min_rows}
    for name, figures in {OVERALL: metrics.overall, **large}.items():
        for model, its in _models(figures).items():
            weights = its.serving_policy.weights
            yield PartWeight(
                model if name == OVERALL else f"{model}, {name}",
                _or(weights.mean_weight_unclipped, math.nan),
                _or(weights.mean_weight_reach, math.inf),
            )


def _arrange(
    figures: SliceFigures, recommenders: tuple[str, ...], reference: str | None, limits: Sequence[str]
) -> dict[str, Any]:
    """The figures of a slice as `metrics.json` names them."""
    candidate: dict[str, Any] = {}
    shared: dict[str, dict[str, Any]] = {name: {} for name in _OF_ALL_MODELS}
    rows: dict[str, int] = {}
    sample_ratio = None
    for name, value in figures[CANDIDATE].items():
        group, _, rest = name.partition("/")
        if group in ("rows", "rows_unknown_recommender"):
            rows[name] = int(value)
        elif group in shared:
            shared[group][rest or "value"] = _plain(value)
        elif group == "sample_ratio":
            sample_ratio = _plain(value)
        else:
            candidate[name] = _plain(value)
    overlap = shared.pop("overlap")
    terms = _grouped(shared.pop("terms"))
    bounded = {limits[int(number)]: found for number, found in _grouped(shared.pop("limits")).items()}
    to_reference = shared.pop(REFERENCE)
    by_recommender = {
        recommender: {figure: values[index] for figure, values in overlap.items()}
        for index, recommender in enumerate(recommenders)
    }
    production = figures.get(PRODUCTION)
    return {
        **rows,
        **shared,
        "terms": terms,
        "limits": bounded,
        CANDIDATE: candidate,
        PRODUCTION: None if production is None else {k: _plain(v) for k, v in production.items()},
        "overlap": by_recommender,
        "shares": {name: figures for name, figures in by_recommender.items() if _shown(figures)},
        "sample_ratio": sample_ratio,
        REFERENCE: _reference(reference, to_reference, figures.get(REFERENCE)),
    }


def _grouped(figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Figures named `<group>/<figure>`, by group."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in figures.items():
        group, _, figure = name.partition("/")
        found.setdefault(group, {})[figure] = value
    return found


def _reference(
    name: str | None, difference: Mapping[str, Any], own: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Figures of the reference as `metrics.json` names them; None if there is none."""
    if name is None or not difference:
        return None
    plain = {key: _plain(value) for key, value in (own or {}).items()}
    return {
        "name": name,
        "difference": difference,
        "value": dataclasses.asdict(Estimate.called("value", Fields(plain, REFERENCE))) if plain else None,
        **{figure: plain.get(figure) for figure in _OF_WEIGHTS},
    }


def _shown(figures: Mapping[str, float | None]) -> bool:
    """Somebody shows the recommender often enough for a slice to tell of it."""
    return any((figures[name] or 0.0) >= LEAST_SHARE for name in SHARES)


def _plain(value: Any) -> Any:
    if np.ndim(value):
        return [_plain(item) for item in value]
    return float(value) if math.isfinite(value) else None


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
