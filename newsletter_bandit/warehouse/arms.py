"""Figures of each recommender in a window, for the summary that people see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse, render_arms_query
from newsletter_bandit.warehouse.reading import read


@dataclass(frozen=True)
class ArmSummary:
    """One recommender's newsletters in a window; the rates and means are None where it sent none.

    ``unsubscribe_rate`` counts any unsubscribe, ``unsubscribe_after_click_rate`` those after a click.
    ``unknown`` are further newsletters of which an outcome of the reward is not known, so that nothing learns
    from them; ``missing`` says of how many each outcome is not known.
    """

    recommender: str
    newsletters: int
    click_rate: float | None
    unsubscribe_rate: float | None
    unsubscribe_after_click_rate: float | None
    mean_reward: float | None
    unknown: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)


def arm_summary(
    warehouse: Warehouse, use_case: UseCase, start: dt.date, end: dt.date, configs: Path | None = None
) -> list[ArmSummary]:
    """Runs arms.sql.

    Args:
      warehouse: where the training table is.
      use_case: one entry for each of its recommenders, in its order.
      start: first day.
      end: day after the last.
      configs: see `render_training_query`.

    Raises:
      UserError: the warehouse or the table is missing; see `read`.
    """
    query = render_arms_query(use_case, warehouse, start, end, configs)
    found: dict[str, list[dict[str, Any]]] = {}
    for batch in read(warehouse, query):
        for row in batch.to_pylist():
            name = use_case.renamed.get(row["recommender"], row["recommender"])
            found.setdefault(name, []).append(row)
    outcomes = tuple(use_case.reward.outcomes)
    return [_summary(name, found.get(name, []), outcomes) for name in use_case.recommenders]


def _summary(name: str, every: list[dict[str, Any]], outcomes: Sequence[str]) -> ArmSummary:
    """Figures under one name and those it had before."""
    rows = [row for row in every if row.get("known", True)]
    newsletters = sum(row["newsletters"] for row in rows)
    missing = {one: sum(row[f"missing_{at}"] for row in every) for at, one in enumerate(outcomes)}

    def mean(figure: str) -> float | None:
        total = sum(row["newsletters"] * row[figure] for row in rows)
        return total / newsletters if newsletters else None

    return ArmSummary(
        recommender=name,
        newsletters=newsletters,
        click_rate=mean("click_rate"),
        unsubscribe_rate=mean("unsubscribe_rate"),
        unsubscribe_after_click_rate=mean("unsubscribe_after_click_rate"),
        mean_reward=mean("mean_reward"),
        unknown=sum(row["newsletters"] for row in every) - newsletters,
        missing={one: rows for one, rows in missing.items() if rows},
    )
