"""Campaigns of a span of days."""

from __future__ import annotations

import datetime as dt

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse, render_campaigns_query
from newsletter_bandit.warehouse.reading import read


def campaigns(warehouse: Warehouse, use_case: UseCase, start: dt.date, end: dt.date) -> frozenset[str]:
    """Campaigns of which a newsletter was sent from ``start`` to before ``end``; runs campaigns.sql.

    Args:
      warehouse: where the training table is.
      use_case: names the table.
      start: first day.
      end: day after the last.

    Raises:
      UserError: the warehouse or the table is missing; see `read`.
    """
    query = render_campaigns_query(use_case, warehouse, start, end)
    return frozenset(row["campaign"] for batch in read(warehouse, query) for row in batch.to_pylist())
