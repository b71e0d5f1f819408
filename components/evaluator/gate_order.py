"""Checks of the order: do the reward estimates put the better rows first?

AUC tells it for a reward of clicks. For any other the rank correlation does, which takes rewards of any size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

from components.evaluator.gate_metrics import GateMetrics
from newsletter_bandit.checks import Check, compared
from newsletter_bandit.off_policy import auc, rank_correlation
from newsletter_bandit.settings.use_case import Gate


class _Order(NamedTuple):
    """A measure of the order: of the candidate and of production, their bounds, and how sure it is."""

    name: str
    meaning: str
    own: float
    production: float | None
    least: float
    most_drop: float
    standard_error: Callable[[float], float]


def order_checks(metrics: GateMetrics, gate: Gate) -> tuple[Check, Check]:
    """The measure against its floor, and against production's."""
    found = _order(metrics, gate)
    least = compared(found.name, found.own, ">=", found.least, found.meaning)
    name, bound = f"{found.name} against production", -found.most_drop
    if found.production is None:
        return least, Check(name, None, bound, ">=", None, "skipped: no model is in production")
    difference = found.own - found.production
    return least, compared(name, difference, ">=", bound, f"{found.name} minus production's")


def surely_below(checks: tuple[Check, Check], metrics: GateMetrics, gate: Gate) -> bool:
    """No measure is unknown, and a check fails by more than chance explains."""
    if any(check.passed is False and check.figure is None for check in checks):
        return False
    found = _order(metrics, gate)
    values = (found.own,) if found.production is None else (found.own, found.production)
    errors = [found.standard_error(value) for value in values]
    reach = NormalDist().inv_cdf((1.0 + gate.confidence) / 2.0)
    # Of two measures on the same rows, the error of the difference is at most that of unrelated ones.
    allowed = (reach * errors[0], reach * math.hypot(*errors))
    return any(
        check.passed is False
        and check.figure is not None
        and check.bound is not None
        and check.figure < check.bound - chance
        for check, chance in zip(checks, allowed, strict=True)
    )


def _order(metrics: GateMetrics, gate: Gate) -> _Order:
    if not metrics.of_clicks:
        return _Order(
            "rank correlation",
            "how well reward estimates order rewards",
            metrics.rank_correlation,
            metrics.production_rank_correlation,
            gate.min_rank_correlation,
            gate.max_rank_correlation_drop,
            lambda value: rank_correlation.standard_error(value, metrics.rows),
        )
    exact = not math.isfinite(metrics.clicks)
    return _Order(
        "AUC",
        "how well reward estimates order clicks",
        metrics.auc,
        metrics.production_auc,
        gate.min_auc,
        gate.max_auc_drop,
        lambda value: (
            0.0 if exact else auc.standard_error(value, metrics.clicks, metrics.rows - metrics.clicks)
        ),
    )
