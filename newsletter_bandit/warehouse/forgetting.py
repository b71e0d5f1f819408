"""Removes what the warehouse holds of one user: their rows, and what came of their sends."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter_bandit.settings.tables import INGESTED, SUBJECT
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse
from newsletter_bandit.warehouse.tables.engines import open_engine

_SEND = "send_id"
# These name a send instead of its user. They go before the sends, by which a rerun finds what is left.
_EVENTS = ("clicks", "unsubscribes", "outcomes", "contexts")


def forget(warehouse: Warehouse, use_case: UseCase, user_id: str) -> Mapping[str, int]:
    """Removes the user's rows from each of the use case's tables that is there; again, it does nothing.

    On the embedded warehouse all go or, after an error, none; in BigQuery table by table.

    Args:
      warehouse: must be there.
      use_case: its tables, the raw ones included; those of other use cases stay as they are.
      user_id: compared byte for byte.

    Returns:
      Rows that were removed, by the table's name in the settings; 0 where there were none.

    Raises:
      UserError: the warehouse cannot be written.
    """
    order = (*_EVENTS, *(table for table in INGESTED if table not in _EVENTS))
    with open_engine(warehouse, use_case.name, "forget") as engine:
        there = {table: engine.columns(use_case.table_name(table)) is not None for table in order}
        user = {
            table: engine.equals(use_case.column(table, SUBJECT), user_id)
            for table in order
            if there[table] and table not in _EVENTS
        }
        sent = f"SELECT {_SEND} FROM {engine.named(use_case.table_name('sends'))} WHERE {user.get('sends')}"
        events = {table: f"{_SEND} IN ({sent})" for table in _EVENTS if there[table] and "sends" in user}
        conditions = {**events, **user}
        removed = engine.delete(
            [(engine.named(use_case.table_name(table)), where) for table, where in conditions.items()]
        )
    return dict(zip(map(use_case.table_name, conditions), removed, strict=True))
