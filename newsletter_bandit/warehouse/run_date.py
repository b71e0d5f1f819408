"""The day of a run, which is decided when it runs: a compiled pipeline that starts every day names no day.

Its queries hold marks instead of dates. The executor fills them in, and writes the dates on its output,
where the next steps read them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.run_day import TrainingDays, require_not_ahead, run_day
from newsletter_bandit.settings.use_case import UseCase

# Execution property and custom property; "" is the day on which the run starts, UTC.
RUN_DATE = "run_date"
RUN_DATE_MARK = "@run_date@"
# Custom property: day whose users a prediction reads, ISO 8601; "" where the table does not say.
SNAPSHOT_DATE = "snapshot_date"
WINDOW_START_MARK, WINDOW_END_MARK = "@window_start@", "@window_end@"


@dataclass(frozen=True)
class Dated:
    """A query with its dates.

    Attributes:
      query: the query without marks.
      properties: the dates, ISO 8601, by the name of their custom property.
    """

    query: str
    properties: dict[str, str]


def resolve(run_date: str) -> dt.date:
    """The day that ``run_date`` names.

    Raises:
      SettingsError: it is neither empty nor YYYY-MM-DD.
    """
    if not run_date:
        return run_day()
    try:
        return dt.datetime.strptime(run_date, "%Y-%m-%d").date()
    except ValueError as error:
        raise SettingsError(
            f"run_date: found {run_date!r}; allowed: YYYY-MM-DD, or nothing for the day of the run"
        ) from error


def dated(query: str, use_case: UseCase, run_date: str) -> Dated:
    """Puts the dates into ``query``; a query without marks stays as it is.

    Raises:
      SettingsError: ``run_date`` is not a date, or too far in the future, or no training window is complete
        on it.
    """
    day = resolve(run_date)
    require_not_ahead(use_case, day)
    properties = {RUN_DATE: day.isoformat()}
    query = query.replace(RUN_DATE_MARK, day.isoformat())
    if WINDOW_START_MARK in query:
        start, end = TrainingDays.of(use_case, day).window
        properties |= {"window_start": start.isoformat(), "window_end": end.isoformat()}
        query = query.replace(WINDOW_START_MARK, start.isoformat()).replace(WINDOW_END_MARK, end.isoformat())
    return Dated(query, properties)
