"""The loaded newsletters that a training leaves out, because they were sent before or after its window."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse, table_name
from newsletter_bandit.warehouse.tables.engines import open_engine
from newsletter_bandit.warehouse.tables.literals import midnight_literal


@dataclass(frozen=True)
class Outside:
    """Newsletters of the training table that lie outside a window.

    Attributes:
      before: number of those sent before its first day.
      after: number of those sent after its last day.
    """

    before: int
    after: int


def outside(warehouse: Warehouse, use_case: UseCase, window: tuple[dt.date, dt.date]) -> Outside | None:
    """Counts them; None in BigQuery, where reading the whole table costs money.

    Raises:
      DataError: the warehouse or the table is missing.
    """
    if not isinstance(warehouse, DuckDBWarehouse):
        return None
    start, end = map(midnight_literal, window)
    counted = f"SELECT COUNT(*) AS n FROM {table_name(use_case.tables.training, warehouse)} WHERE sent_at"
    with open_engine(warehouse, use_case.name, "train", read_only=True) as engine:
        ((before,), (after,)) = (
            [row["n"] for row in engine.rows(f"{counted} {part}")] for part in (f"< {start}", f">= {end}")
        )
    return Outside(int(before), int(after))
