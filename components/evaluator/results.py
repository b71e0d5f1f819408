"""`metrics.json`: every figure of an evaluation, flat and readable, and what the gate takes from it.

    {"compared_with": ..., "confidence": 0.95, "weight_clip": 100.0, "recommenders": [...],
     "overall": {"rows": ..., "logging_policy": {"value": ...}, "candidate": {"auc": ..., "serving_policy/dr": ...},
                 "production": {...} or null, "difference": {"value": ..., "lower_bound": ...},
                 "unsubscribes": {"value": ..., "ratio": ..., "excess": ...},
                 "score_floor": {"value": ... or null, "gain": ..., "lower_bound": ..., "share": ...},
                 "overlap": {"deals": {"logged_share": ...}}},
     "slices": {"country=CH": {...as overall, less overlap and score floor...}}}

A policy's value stands under `<policy>/<estimator>`, its figures under `<policy>/<estimator>/standard_error`,
`/low` and `/high` (two-sided at `confidence`). An unknown or infinite figure is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.evaluator.gate import GateMetrics
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import SERVING_POLICY
from newsletter_bandit.settings.use_case import UseCase

# What was found for one slice: model ("candidate" or "production") -> figure -> number or [K] list.
SliceFigures = Mapping[str, Mapping[str, Any]]
OVERALL = "overall"
CANDIDATE = "candidate"
PRODUCTION = "production"
_OF_ALL_MODELS = (
    "logging_policy",
    "difference_to_logging",
    "difference",
    "unsubscribes",
    "score_floor",
    "overlap",
)
_OVERALL_ONLY = ("overlap", "score_floor")


def build(slices: Mapping[str, SliceFigures], use_case: UseCase, compared_with: str) -> dict[str, Any]:
    """Content of `metrics.json`.

    Args:
      slices: figures by slice; "overall" must be among them.
      use_case: gives the recommenders and the gate's settings.
      compared_with: version in production, or "logging policy".

    Raises:
      DataError: there was no row at all.
    """
    if OVERALL not in slices or not slices[OVERALL].get(CANDIDATE, {}).get("rows"):
        raise DataError(
            "evaluation split: no row with a recommender of this use case; allowed: at least one "
            "(widen the window or raise eval_share)"
        )
    arranged = {name: _arrange(figures, use_case.recommenders) for name, figures in sorted(slices.items())}
    overall = arranged.pop(OVERALL)
    for figures in arranged.values():
        for name in _OVERALL_ONLY:
            del figures[name]
    return {
        "compared_with": compared_with,
        "confidence": use_case.gate.confidence,
        "weight_clip": use_case.gate.weight_clip,
        "recommenders": list(use_case.recommenders),
        OVERALL: overall,
        "slices": arranged,
    }


def to_json(metrics: Mapping[str, Any]) -> str:
    """Indented JSON; numbers are finite or null."""
    return json.dumps(metrics, indent=2, allow_nan=False) + "\n"


def gate_metrics(metrics: Mapping[str, Any]) -> GateMetrics:
    """Figures that the gate uses; null becomes NaN, an unknown bound an infinite one."""
    overall = metrics[OVERALL]
    candidate, production, difference = overall[CANDIDATE], overall[PRODUCTION], overall["difference"]
    unsubscribes = overall["unsubscribes"]
    return GateMetrics(
        rows=int(overall["rows"]),
        effective_sample_size=_or(candidate[f"{SERVING_POLICY}/effective_sample_size"], 0.0),
        max_weight=_or(candidate[f"{SERVING_POLICY}/max_weight_unclipped"], math.inf),
        clipped_share=_or(candidate[f"{SERVING_POLICY}/clipped_share"], 0.0),
        auc=_or(candidate["auc"], math.nan),
        production_auc=None if production is None else _or(production["auc"], math.nan),
        difference=_or(difference["value"], math.nan),
        lower_bound=_or(difference["lower_bound"], -math.inf),
        upper_bound=_or(difference["upper_bound"], math.inf),
        unsubscribe_ratio=_or(unsubscribes["ratio"], math.nan),
        unsubscribe_excess_bound=_or(unsubscribes["excess_lower_bound"], -math.inf),
        compared_with=metrics["compared_with"],
    )


def _arrange(figures: SliceFigures, recommenders: tuple[str, ...]) -> dict[str, Any]:
    candidate: dict[str, Any] = {}
    shared: dict[str, dict[str, Any]] = {name: {} for name in _OF_ALL_MODELS}
    rows: dict[str, int] = {}
    for name, value in figures[CANDIDATE].items():
        group, _, rest = name.partition("/")
        if group in ("rows", "rows_unknown_recommender"):
            rows[name] = int(value)
        elif group in shared:
            shared[group][rest or "value"] = _plain(value)
        else:
            candidate[name] = _plain(value)
    overlap = shared.pop("overlap")
    production = figures.get(PRODUCTION)
    return {
        **rows,
        **shared,
        CANDIDATE: candidate,
        PRODUCTION: None if production is None else {k: _plain(v) for k, v in production.items()},
        "overlap": {
            recommender: {figure: values[index] for figure, values in overlap.items()}
            for index, recommender in enumerate(recommenders)
        },
    }


def _plain(value: Any) -> Any:
    if np.ndim(value):
        return [_plain(item) for item in value]
    return float(value) if math.isfinite(value) else None


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
