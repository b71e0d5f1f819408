"""`metrics.json` as plain rows, for whoever prints a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from components.evaluator.results import CANDIDATE, OVERALL, PRODUCTION
from newsletter_bandit.exported_model import EVAL_POLICY, SERVING_POLICY


class ValueRow(NamedTuple):
    """A value with its two-sided interval, in units of reward per row; None where it is unknown."""

    label: str
    value: float | None
    low: float | None
    high: float | None


def policy_values(
    metrics: Mapping[str, Any], estimator: str = "dr", slice_name: str = OVERALL
) -> list[ValueRow]:
    """Values of the policies, then the paired difference that the gate looks at.

    Args:
      metrics: content of `metrics.json`.
      estimator: "ips", "snips", "dm" or "dr".
      slice_name: "overall" or a slice such as "country=CH".

    Raises:
      KeyError: the metrics hold no such slice or estimator.
    """
    figures = metrics[OVERALL] if slice_name == OVERALL else metrics["slices"][slice_name]
    logging = figures["logging_policy"]
    rows = [ValueRow("logging policy", logging["value"], logging["low"], logging["high"])]
    for model, name in ((PRODUCTION, "production"), (CANDIDATE, "candidate")):
        if figures[model] is None:
            continue
        for policy in (SERVING_POLICY, EVAL_POLICY):
            label = f"{name}, {policy.replace('_', ' ')}"
            rows.append(_row(label, figures[model], f"{policy}/{estimator}"))
    difference = figures["difference"]
    label = "candidate minus " + ("logging policy" if figures[PRODUCTION] is None else "production")
    rows.append(ValueRow(label, difference["value"], difference["low"], difference["high"]))
    rows.append(_row("cost of exploration", figures[CANDIDATE], "exploration_cost"))
    return rows


class Weights(NamedTuple):
    """Importance weights of the candidate's serving policy over all rows; None where a figure is unknown.

    Attributes:
      mean: near 1 where the propensities are right.
      effective_sample_size: rows that the weights leave.
      largest: before any clip.
      clipped_share: share of rows that were clipped.
      top_share: share of the whole weight that the heaviest 1% of the rows hold.
    """

    mean: float | None
    effective_sample_size: float | None
    largest: float | None
    clipped_share: float | None
    top_share: float | None


def weights(metrics: Mapping[str, Any]) -> Weights:
    """Figures of the log's support for the candidate."""
    candidate = metrics[OVERALL][CANDIDATE]
    names = ("mean_weight", "effective_sample_size", "max_weight_unclipped", "clipped_share", "top_share")
    return Weights(*(candidate[f"{SERVING_POLICY}/{name}"] for name in names))


def _row(label: str, figures: Mapping[str, float | None], name: str) -> ValueRow:
    return ValueRow(label, figures[name], figures[f"{name}/low"], figures[f"{name}/high"])
