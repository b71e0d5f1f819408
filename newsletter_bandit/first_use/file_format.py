"""How the files write dates, numbers and empty cells, as the mapping says it."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use import patterns
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.settings.mapping import THOUSANDS, FileFormat

_THOUSANDS = {signs: word for word, signs in THOUSANDS.items()}


def format_of(log: Log, columns: Sequence[str], time_zone: str | None) -> FileFormat:
    """The format of the columns that are used.

    Args:
      log: the files.
      columns: those that have a role or are features.
      time_zone: of times that name none; None is UTC.

    Raises:
      SettingsError: dates could begin with the day or the month, or of two columns one does each.
    """
    used = [log.columns[column] for column in columns]
    doubtful = [column for column in columns if column in log.in_doubt]
    if doubtful:
        example = log.columns[doubtful[0]].example
        raise SettingsError(
            f"`month_first`: missing; {', '.join(doubtful)} could begin with the day or the month, as "
            f"{example!r} does; use --month-first or --day-first"
        )
    found = {each for facts in used for each in facts.formats}
    by_order = [
        [facts.name for facts in used if any(each.startswith(days) for each in facts.formats)]
        for days in (patterns.DAY_FIRST, patterns.MONTH_FIRST)
    ]
    if all(by_order):
        raise SettingsError(
            f"{log.files[0]}: {', '.join(by_order[0])} begins with the day, {', '.join(by_order[1])} with "
            "the month; leave one out with `without`, or write the dates of all columns alike"
        )
    units = {facts.epoch: facts.name for facts in used if facts.epoch}
    if len(units) > 1:
        raise SettingsError(
            f"{log.files[0]}: {units['seconds']} counts seconds, {units['milliseconds']} milliseconds "
            "since 1970; leave one out with `without`, or write the times of all columns alike"
        )
    ordered = [day + hour for day in (*patterns.DAYS, *patterns.NAMED_DAYS) for hour in patterns.HOURS]
    return FileFormat.model_validate(
        {
            "delimiter": log.style.delimiter,
            "encoding": log.encoding,
            "decimal": "comma" if log.numbers.decimal == "," else "point",
            "thousands": _THOUSANDS[log.numbers.thousands],
            "date_formats": tuple(each for each in ordered if each in found),
            "epoch": next(iter(units), "none"),
            "time_zone": time_zone or "UTC",
            "nulls": log.nulls,
        }
    )
