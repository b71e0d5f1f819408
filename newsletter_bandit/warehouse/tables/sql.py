"""The statements that build the two tables, rendered from ``configs/queries``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.tables import RAW_COLUMNS, SUBJECT
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse, render, table_name
from newsletter_bandit.warehouse.tables.literals import (
    date_literal,
    identifier,
    midnight_literal,
    name_literal,
    text_literal,
)
from serving.propensity import LARGEST

_DAY = dt.timedelta(days=1)
# Partition and cluster of each raw table: the columns that the statements filter by, and those they join on.
_LAYOUT = {
    "sends": ("DATE(sent_at)", "send_id"),
    "clicks": ("DATE(clicked_at)", "send_id"),
    "unsubscribes": ("DATE(unsubscribed_at)", "send_id"),
    "outcomes": ("DATE(occurred_at)", "send_id"),
    "users": ("snapshot_date", SUBJECT),
    "contexts": ("DATE(sent_at)", "send_id"),
    "rankings": ("DATE(generated_at)", SUBJECT),
}
# Of each raw table of events, when they were.
_TIME = {"clicks": "clicked_at", "unsubscribes": "unsubscribed_at", "outcomes": "occurred_at"}


class Statements:
    """The SQL of one use case in one warehouse.

    Args:
      use_case: tables, raw sources, recommenders, features and days of attribution.
      warehouse: BigQuery tables carry the project's name.
      configs: folder whose ``queries/`` comes first; see `render_training_query`.

    Raises:
      SettingsError: ``attribution_days`` is 0, so that no click could count; a name is not an identifier.
    """

    def __init__(self, use_case: UseCase, warehouse: Warehouse, configs: Path | None = None) -> None:
        if use_case.attribution_days == 0:
            raise SettingsError("attribution_days: 0, so no click would count; allowed here: 1 to 90")
        self._use_case = use_case
        self._warehouse = warehouse
        self._configs = configs
        for name in use_case.features:
            identifier(name)
        self._shared: dict[str, Any] = {
            "raw": {name: table_name(use_case.table_name(name), warehouse) for name in RAW_COLUMNS},
            "recommenders": [name_literal(name) for name in (*use_case.recommenders, *use_case.renamed)],
            "aliases": [list(map(name_literal, names)) for names in use_case.aliases],
            "largest_propensity": LARGEST,
            "attribution_days": use_case.attribution_days,
            "final_after_days": use_case.final_after_days,
            "min_seconds_to_click": use_case.min_seconds_to_click,
            "expires_after_days": use_case.freshness.expires_after_days,
            "snapshot_max_age_days": use_case.raw.snapshot_max_age_days,
            **_history(use_case),
        }

    def create(self, table: Literal["training", "inference"]) -> str:
        """Creates the table if there is none."""
        columns = [(identifier(name), type_) for name, type_ in self._use_case.table_columns(table).items()]
        return self._render(f"create_{table}.sql", table=self._table(table), columns=columns)

    def create_raw(self, table: str) -> str:
        """Creates the raw table if there is none."""
        columns = [(identifier(name), type_) for name, type_ in self._use_case.table_columns(table).items()]
        day, column = _LAYOUT[table]
        key = column if self._use_case.column(table, column) == column else identifier(self._use_case.key)
        return self._render(
            "create_raw.sql", table=self._table(table), columns=columns, partition=day, cluster=key
        )

    def count_training(
        self, start: dt.date, end: dt.date, *, bots: bool = False, contexts: bool = False
    ) -> str:
        """Sends from ``start`` to before ``end`` by the reason that leaves them out.

        Columns: `left_out` (NULL for what becomes a row), `sends`, and of what becomes a row
        `without_features` (those with neither features of their own nor a snapshot of their user) and the
        figures of `Outcomes`.

        Args:
          start: first day.
          end: day after the last.
          bots: the clicks have the column `bot`; likewise below.
          contexts: there is a raw table of features by send; likewise below.
        """
        return self._render("count_training.sql", bots=bots, contexts=contexts, **self._range(start, end))

    def build_training(
        self, start: dt.date, end: dt.date, *, bots: bool = False, contexts: bool = False
    ) -> str:
        """Replaces the training rows sent from ``start`` to before ``end``, midnight UTC."""
        columns = [identifier(name) for name in self._use_case.table_columns("training")]
        return self._render(
            "build_training.sql",
            table=self._table("training"),
            columns=columns,
            bots=bots,
            contexts=contexts,
            **self._range(start, end),
        )

    def training_rows(
        self, start: dt.date, end: dt.date, *, bots: bool = False, contexts: bool = False
    ) -> str:
        """The query whose rows `build_training` writes."""
        return self._render("_training_rows.sql", bots=bots, contexts=contexts, **self._range(start, end))

    def count_events(self, start: dt.date, end: dt.date) -> dict[str, str]:
        """Of each raw table of events, by its name: its rows from ``start`` to before ``end``.

        Columns: `found`, and `matched`: those that belong to a send of these days, or of the days of
        attribution before.
        """
        return {
            events: self._render(
                "count_events.sql",
                events=self._shared["raw"][events],
                time=identifier(_TIME[events]),
                **self._range(start, end),
            )
            for events in _TIME
            if events != "outcomes" or self._use_case.reward.outcomes
        }

    def count_inference(self, run_date: dt.date) -> str:
        """The two newest snapshots at or before ``run_date``, the newest first; fewer where there are fewer.

        Columns: `snapshot_date`, `deliveries` (rows), `named` (those with a user), `users`.
        """
        return self._render(
            "count_inference.sql", run_date=run_date.isoformat(), run_day=date_literal(run_date)
        )

    def build_inference(
        self, run_date: dt.date, snapshot_date: dt.date, campaign: str, *, bots: bool = False
    ) -> str:
        """Empties the inference table and refills it with the users of the snapshot."""
        columns = [identifier(name) for name in self._use_case.table_columns("inference")]
        return self._render(
            "build_inference.sql",
            table=self._table("inference"),
            columns=columns,
            run_date=run_date.isoformat(),
            bots=bots,
            **self._users(run_date, snapshot_date, campaign),
        )

    def inference_rows(
        self, run_date: dt.date, snapshot_date: dt.date, campaign: str, *, bots: bool = False
    ) -> str:
        """The query whose rows `build_inference` writes."""
        users = self._users(run_date, snapshot_date, campaign)
        return self._render("_inference_rows.sql", bots=bots, **users)

    def _render(self, template: str, **values: Any) -> str:
        return render(template, self._configs, self._use_case, **self._shared, **values)

    def _table(self, table: str) -> str:
        return table_name(self._use_case.table_name(table), self._warehouse)

    def _range(self, start: dt.date, end: dt.date) -> dict[str, str]:
        if start >= end:
            raise SettingsError(f"from {start} to before {end}: no day; allowed: a later end")
        age = self._use_case.raw.snapshot_max_age_days
        return {
            "first_day": start.isoformat(),
            "end_day": end.isoformat(),
            "start": midnight_literal(start),
            "end": midnight_literal(end),
            "end_date": date_literal(end),
            "oldest_snapshot": date_literal(start - (age or 0) * _DAY),
            "oldest_ranking": midnight_literal(start - self._use_case.freshness.expires_after_days * _DAY),
            "oldest_send": midnight_literal(start - self._use_case.final_after_days * _DAY),
            "last_outcome": midnight_literal(end + self._use_case.attribution_days * _DAY),
            "last_value": midnight_literal(end + self._use_case.final_after_days * _DAY),
            **self._past(start, end),
        }

    def _users(self, run_date: dt.date, snapshot_date: dt.date, campaign: str) -> dict[str, str]:
        return {
            "snapshot_date": date_literal(snapshot_date),
            "campaign": text_literal(campaign, "campaign"),
            "day": date_literal(run_date),
            **self._past(run_date, run_date),
        }

    def _past(self, first: dt.date, end: dt.date) -> dict[str, str]:
        """The sends that the history features of the days from ``first`` on look at."""
        days = self._shared["history_days"]
        return {
            "oldest_history": midnight_literal(first - days * _DAY),
            "end_of_history": midnight_literal(end),
        }


def _history(use_case: UseCase) -> dict[str, Any]:
    """The history features as literals and identifiers, and the features that are the users' own."""
    history = use_case.history
    every_name = {names[0]: names for names in use_case.aliases}
    return {
        "user_features": [
            (name, feature.type) for name, feature in use_case.features.items() if name not in history
        ],
        "history": [
            {
                "name": name,
                "count": one.count,
                "days": one.days,
                "recommenders": []
                if one.recommender is None
                else list(map(name_literal, every_name.get(one.recommender, (one.recommender,)))),
            }
            for name, one in history.items()
        ],
        "history_days": max((one.days for one in history.values()), default=0),
        "history_of_clicks": any(one.count == "clicks" for one in history.values()),
    }
