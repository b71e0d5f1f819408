"""The age of what a run reads: tables that nobody has filled lately are refused, with what fills them."""

from __future__ import annotations

import datetime as dt

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.ages import day_of, has_column, reading
from newsletter_bandit.warehouse.queries import Warehouse, table_name
from newsletter_bandit.warehouse.tables.literals import midnight_literal

_SETTING = "freshness.max_input_age_days"


def require_users(warehouse: Warehouse, use_case: UseCase, run_date: dt.date) -> dt.date | None:
    """Makes sure that the users of the inference table are not too old for a prediction of ``run_date``.

    Returns:
      The day whose users the table holds, by its newest `snapshot_date`; None where it does not say, or where
      there is no such table or warehouse.

    Raises:
      DataError: they are older than `freshness.max_input_age_days`.
    """
    words = use_case.words
    table, allowed = use_case.tables.inference, use_case.freshness.max_input_age_days
    with reading(warehouse, use_case) as engine:
        if engine is None or not has_column(engine, table, "snapshot_date"):
            return None
        newest = day_of(engine, f"SELECT MAX(snapshot_date) AS day FROM {table_name(table, warehouse)}")
    age = 0 if newest is None else (run_date - newest).days
    if allowed is not None and age > allowed:
        raise DataError(
            f"{table}: its {words.subjects} are those of {newest}, {age} days before the run date "
            f"{run_date}; allowed: at most {allowed} days ({_SETTING}); "
            f"{_filled_by('inference', use_case.raw.users, run_date)}"
        )
    return newest


def require_newsletters(warehouse: Warehouse, use_case: UseCase, days: TrainingDays) -> None:
    """Makes sure that the training table reaches to the end of the window of ``days``.

    Raises:
      DataError: it holds no newsletter of the window, or the newest one is older at the window's end than
        `freshness.max_input_age_days`. A table that is not there is left to the query that reads it.
    """
    words = use_case.words
    table, allowed = use_case.tables.training, use_case.freshness.max_input_age_days
    start, end = days.window
    filled_by = _filled_by("training", use_case.raw.sends, days.run_date)
    window = f"the window {start} to {end - dt.timedelta(days=1)}"
    with reading(warehouse, use_case) as engine:
        if engine is None or not has_column(engine, table, "sent_at"):
            return
        of_table = f"AS day FROM {table_name(table, warehouse)} WHERE sent_at"
        newest_of = f"SELECT DATE(MAX(sent_at)) {of_table}"
        until = f"sent_at < {midnight_literal(end)}"
        newest = day_of(engine, f"{newest_of} >= {midnight_literal(start)} AND {until}")
        if newest is None:
            before = day_of(engine, f"{newest_of} < {midnight_literal(start)}")
            since = "" if before is None else f"; the newest before is of {before}"
            after = day_of(engine, f"SELECT DATE(MIN(sent_at)) {of_table} >= {midnight_literal(end)}")
            if after is not None:
                since += (
                    f"; the oldest after is of {after}, which a later run date takes, or another "
                    "window.anchor of the use case"
                )
            raise DataError(f"{table}: no {words.unit} of {window}{since}; {filled_by}")
    age = (end - newest).days
    if allowed is not None and age > allowed:
        raise DataError(
            f"{table}: the newest {words.unit} of {window} is of {newest}, {age} days before {end}; allowed: "
            f"at most {allowed} days ({_SETTING}); {filled_by}, or raise the "
            f"setting if none was {words.sent} since"
        )


def _filled_by(table: str, source: str, run_date: dt.date) -> str:
    return (
        f"fill it with `newsletter-bandit build-tables --run-date {run_date}` once {source} has newer rows, "
        f"or with `newsletter-bandit ingest {table} FILE`"
    )
