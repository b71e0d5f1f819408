"""A run's day, which is UTC, and the training window that follows from it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter_bandit.errors import SettingsError

if TYPE_CHECKING:
    from newsletter_bandit.settings.use_case import UseCase


def run_day(given: dt.date | None = None) -> dt.date:
    """The day of a run: ``given``, else today in UTC, whatever the machine's time zone is.

    Rankings are stamped with this day and later joined to sends by UTC time. A machine east of Greenwich that
    used its own day would stamp some of them with tomorrow.
    """
    return dt.datetime.now(dt.UTC).date() if given is None else given


def require_not_ahead(use_case: UseCase, run_date: dt.date) -> None:
    """Makes sure that a run is not for a day in the far future.

    Raises:
      SettingsError: ``run_date`` is more than `freshness.max_days_ahead` days after today, UTC.
    """
    today, allowed = run_day(), use_case.freshness.max_days_ahead
    if (run_date - today).days > allowed:
        raise SettingsError(
            f"run date {run_date}: {(run_date - today).days:,} days after today, {today}; allowed: at most "
            f"{allowed} days after it (freshness.max_days_ahead); is the year right, and the machine's clock?"
        )


@dataclass(frozen=True)
class TrainingDays:
    """The days of a training run, computed once and handed on.

    Attributes:
      run_date: day of the run, UTC.
      window: first day and day after the last of the rows to train on.
    """

    run_date: dt.date
    window: tuple[dt.date, dt.date]

    @classmethod
    def of(cls, use_case: UseCase, run_date: dt.date) -> TrainingDays:
        """The newest window of the use case that is complete on ``run_date``.

        Raises:
          SettingsError: no window is complete yet.
        """
        return cls(run_date, use_case.window.latest(run_date, use_case.final_after_days))
