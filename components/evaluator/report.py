"""The figures of an evaluation as plain rows, for whoever prints a table."""

from __future__ import annotations

from typing import NamedTuple

from components.evaluator.results import CANDIDATE, OVERALL, PRODUCTION
from newsletter_bandit.registry.evidence import Metrics
from newsletter_bandit.registry.evidence.metrics import Estimate
from newsletter_bandit.settings.reward import Reward


class ValueRow(NamedTuple):
    """A value with its two-sided interval, in units of reward per row; None where it is unknown."""

    label: str
    value: float | None
    low: float | None
    high: float | None


def policy_values(metrics: Metrics, estimator: str = "dr", slice_name: str = OVERALL) -> list[ValueRow]:
    """Values of the policies, then the paired differences that the gate looks at.

    Args:
      metrics: of the evaluation.
      estimator: a key of `ESTIMATORS`.
      slice_name: "overall" or a slice such as "country=CH".

    Raises:
      KeyError: the metrics hold no such slice or estimator.
    """
    figures = metrics.overall if slice_name == OVERALL else metrics.slices[slice_name]
    rows = [_row("logging policy", figures.logging_policy)]
    for name, model in ((PRODUCTION, figures.production), (CANDIDATE, figures.candidate)):
        if model is not None:
            rows.append(_row(f"{name}, serving policy", model.serving_policy.values[estimator]))
            rows.append(_row(f"{name}, eval policy", model.eval_policy.values[estimator]))
    label = "candidate minus " + ("logging policy" if figures.production is None else "production")
    rows.append(_row(label, figures.difference))
    reference = metrics.overall.reference if slice_name == OVERALL else None
    if reference is not None:
        rows.append(_row(f"candidate minus {reference.name}", reference.difference))
    rows.append(_row("cost of exploration", figures.candidate.exploration_cost))
    return rows


class TermRow(NamedTuple):
    """An outcome per newsletter, within its clip and before its weight: of the log, of production if there is
    one, and of the candidate with its interval; None where it is unknown.
    """

    name: str
    logged: float | None
    production: float | None
    candidate: float | None
    low: float | None
    high: float | None


def terms(metrics: Metrics, reward: Reward) -> list[TermRow]:
    """Clicks, unsubscribes if there are any, and the reward's further outcomes, estimated from the log."""
    overall = metrics.overall
    told = reward.tells_of_unsubscribes(overall.logging_policy.unsubscribe_rate)
    logged = {
        "clicks": overall.logging_policy.click_rate,
        "unsubscribes": overall.logging_policy.unsubscribe_rate,
        **{name: one.logged for name, one in overall.terms.items()},
    }
    found = {"clicks": overall.clicks, "unsubscribes": overall.unsubscribes, **overall.terms}
    return [
        TermRow(
            name,
            logged[name],
            None if overall.production is None else one.baseline,
            one.value,
            one.low,
            one.high,
        )
        for name, one in found.items()
        if one is not None and (name != "unsubscribes" or told)
    ]


def _row(label: str, estimate: Estimate) -> ValueRow:
    return ValueRow(label, estimate.value, estimate.low, estimate.high)
