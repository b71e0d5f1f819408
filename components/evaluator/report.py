"""`metrics.json` as plain rows, for whoever prints a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from components.evaluator.policy_values import EVAL_POLICY, SERVING_POLICY
from components.evaluator.results import CANDIDATE, OVERALL, PRODUCTION


class ValueRow(NamedTuple):
    """A value with its two-sided interval, in units of reward a row; None where it is unknown."""

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


def _row(label: str, figures: Mapping[str, float | None], name: str) -> ValueRow:
    return ValueRow(label, figures[name], figures[f"{name}/low"], figures[f"{name}/high"])
