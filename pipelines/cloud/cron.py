"""The days on which a schedule starts, and whether each start of the training finds a window of its own."""

from __future__ import annotations

import datetime as dt
import itertools
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.cloud import Vertex
from newsletter_bandit.settings.use_case import UseCase

# A whole cycle of leap years.
_YEARS = 4
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Cron:
    """A cron expression: minutes, hours, days of the month, months, and days of the week from Sunday, 0.

    Where both kinds of days are restricted, either is enough, as cron has it.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    @classmethod
    def parse(cls, expression: str) -> Cron:
        """The expression's starts.

        Raises:
          SettingsError: it is not a cron expression of five fields.
        """
        minute, hour, day, month, weekday = expression.split(" ")
        weekdays = _field(expression, weekday, 0, 7, _DAYS, first_name=0)
        return cls(
            minutes=_field(expression, minute, 0, 59),
            hours=_field(expression, hour, 0, 23),
            days=_field(expression, day, 1, 31),
            months=_field(expression, month, 1, 12, _MONTHS, first_name=1),
            weekdays=frozenset(number % 7 for number in weekdays),
            any_day=day.startswith("*"),
            any_weekday=weekday.startswith("*"),
        )

    def starts(self, first: dt.date, after: dt.date, zone: dt.tzinfo) -> Iterator[dt.datetime]:
        """Starts on the days from ``first`` to before ``after`` in ``zone``, in order."""
        for number in range((after - first).days):
            day = first + dt.timedelta(days=number)
            if day.month in self.months and self._on(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        yield dt.datetime.combine(day, dt.time(hour, minute), zone)

    def _on(self, day: dt.date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month and of_week if self.any_day or self.any_weekday else of_month or of_week


def training_starts_a_year(vertex: Vertex, use_case: UseCase) -> float:
    """Mean number of scheduled trainings per year; each is a look at its window's evaluation rows.

    Raises:
      SettingsError: a start would find the window of the start before it, or the cron expression or the time
        zone is unknown.
    """
    try:
        zone = zoneinfo.ZoneInfo(vertex.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(
            f"vertex.time_zone: found {vertex.time_zone}; allowed: a name such as Europe/Zurich"
        ) from error
    window = use_case.window
    # Any day with a complete window will do: what counts is how starts and windows follow each other.
    first = window.anchor + dt.timedelta(weeks=window.weeks, days=use_case.final_after_days + 1)
    after = first + dt.timedelta(days=365 * _YEARS + 1)
    starts = list(Cron.parse(vertex.training_cron).starts(first, after, zone))
    windows = [window.latest(start.astimezone(dt.UTC).date(), use_case.final_after_days) for start in starts]
    repeated = sum(one == other for one, other in itertools.pairwise(windows))
    a_year = len(starts) / _YEARS
    if repeated:
        step = window.weeks - window.overlap_weeks
        raise SettingsError(
            f"vertex.training_cron: found {vertex.training_cron!r}, about {a_year:.0f} starts per year; "
            f"about {repeated / _YEARS:.0f} of them would train on the window of the start before, because a "
            f"new window begins every {step} weeks (window.weeks - window.overlap_weeks); allowed: starts at "
            f"least {7 * step} days apart, such as '0 3 1 * *' for up to 4 weeks, or a larger "
            "window.overlap_weeks"
        )
    return a_year


def _field(
    expression: str, text: str, low: int, high: int, names: tuple[str, ...] = (), first_name: int = 0
) -> frozenset[int]:
    """Numbers of one field: `*`, `3`, `1-5`, `*/2`, `1-5/2`, or several of these with commas."""

    def number(word: str) -> int:
        found = names.index(word.upper()) + first_name if word.upper() in names else word
        if (isinstance(found, str) and not found.isdigit()) or not low <= int(found) <= high:
            raise SettingsError(
                f"cron expression {expression!r}: found {word!r}; allowed: {low} to {high}"
                + (f", or {names[0]} to {names[-1]}" if names else "")
            )
        return int(found)

    numbers: set[int] = set()
    for part in text.split(","):
        span, _, stride = part.partition("/")
        begin, _, end = span.partition("-")
        if span == "*":
            lowest, highest = low, high
        else:
            lowest = number(begin)
            highest = number(end) if end else high if stride else lowest
        if (stride and not (stride.isdigit() and int(stride))) or lowest > highest:
            raise SettingsError(
                f"cron expression {expression!r}: found {part!r}; allowed: such as 1-5 or */2"
            )
        numbers |= set(range(lowest, highest + 1, int(stride or 1)))
    return frozenset(numbers)
