"""Clicks and unsubscribes that belong to no send: they would vanish in the join without a word."""

from __future__ import annotations

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.tables.engines import Engine


def notes(engine: Engine, use_case: UseCase, queries: dict[str, str]) -> tuple[str, ...]:
    """A line for each raw table of which most rows of the days belong to no send.

    A few always do: readers click old newsletters. Most do if the two tables write `send_id` in two ways.

    Args:
      engine: runs the queries.
      use_case: names the raw tables.
      queries: `Statements.count_events`.
    """
    found = []
    for events, query in queries.items():
        (count,) = engine.rows(query)
        if 2 * count["matched"] < count["found"]:
            found.append(
                f"{events}: only {count['matched']:,} of {count['found']:,} of these days belong to a send; "
                f"is send_id of {use_case.table_name(events)} that of {use_case.raw.sends}?"
            )
    return tuple(found)
