"""What each recommender did in a window, for the summary that people see."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from components.example_gen.queries import render_arms_query
from components.example_gen.warehouse import read_batches
from pipelines.settings import DuckDBWarehouse, UseCase


@dataclass(frozen=True)
class ArmSummary:
    """One recommender's newsletters in a window; the rates and the mean reward are None where it sent none."""

    recommender: str
    newsletters: int
    click_rate: float | None
    unsubscribe_rate: float | None
    mean_reward: float | None


def arm_summary(
    warehouse_path: Path | str, use_case: UseCase, start: dt.date, end: dt.date, configs: Path | None = None
) -> list[ArmSummary]:
    """Runs arms.sql on the embedded warehouse.

    Args:
      warehouse_path: the DuckDB file.
      use_case: one entry for each of its recommenders, in its order.
      start: first day.
      end: day after the last.
      configs: see `render_training_query`.

    Raises:
      DataError: the warehouse or the table is missing.
    """
    query = render_arms_query(
        use_case, DuckDBWarehouse(kind="duckdb", path=str(warehouse_path)), start, end, configs
    )
    found = {
        row["recommender"]: ArmSummary(
            recommender=row["recommender"],
            newsletters=row["newsletters"],
            click_rate=row["click_rate"],
            unsubscribe_rate=row["unsubscribe_rate"],
            mean_reward=row["mean_reward"],
        )
        for batch in read_batches(warehouse_path, query)
        for row in batch.to_pylist()
    }
    return [found.get(name) or ArmSummary(name, 0, None, None, None) for name in use_case.recommenders]
