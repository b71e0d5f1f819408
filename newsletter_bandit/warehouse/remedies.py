"""What to do about a value that does not fit its column, by how the value looks."""

from __future__ import annotations

import datetime as dt
import re

from newsletter_bandit.table_files.cells import HOW_TO_WRITE_NUMBERS, is_separated
from newsletter_bandit.table_files.faults import found_text

# Day and month before the year, or any order with other separators than hyphens.
_DATE = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})([T ].*)?")
_EMPTY = '""'
_MEANING = {"BOOL": "true", "FLOAT64": _EMPTY, "DATE": _EMPTY, "TIMESTAMP": _EMPTY}


def of_type(column: str, type_: str, value: str | None) -> str:
    """The way out for a value that is not of its column's type; "" where there is none to name.

    Args:
      column: the table's.
      type_: its BigQuery type.
      value: the first one that was found.
    """
    if value is None or type_ not in _MEANING:
        return ""
    if type_ == "FLOAT64" and is_separated(value):
        return f"{HOW_TO_WRITE_NUMBERS}; or say how they are written under ingest.format of the use case"
    date = _DATE.fullmatch(value) if type_ in ("DATE", "TIMESTAMP") else None
    if date is not None and not _exists(*map(int, date.groups()[:3])):
        return "write a day that exists in the file, or leave the cell empty where the column may be"
    if date is not None:
        return (
            "write the year first in the file: 2026-11-18, not 18.11.2026 or 11/18/2026; or say how dates "
            'are written under ingest.format of the use case, as in date_formats: ["%d.%m.%Y"]'
        )
    return _named(column, value, _MEANING[type_])


def _exists(first: int, second: int, third: int) -> bool:
    """Whether the numbers of a date name a day in any order in which people write them."""
    for year, month, day in ((first, second, third), (third, second, first), (third, first, second)):
        try:
            dt.date(year, month, day)
        except ValueError:
            continue
        return True
    return False


def of_recommender(value: str | None) -> str:
    """The way out for a recommender that the use case does not name."""
    if value is None:
        return ""
    return (
        f"{_named('recommender', value, 'NAME')}; an old name of one belongs under `renamed`, and one that "
        "is missing under `recommenders`"
    )


def _named(column: str, value: str, meaning: str) -> str:
    key = found_text(value).replace('"', "'") if '"' in value else f'"{found_text(value)[1:-1]}"'
    return (
        f"say what such values stand for under ingest.value_names of the use case, as in {column}: "
        f"{{{key}: {meaning}}}{', the empty cell' if meaning == _EMPTY else ''}"
    )
