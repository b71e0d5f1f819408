"""Values as literals of BigQuery's SQL; what could end a literal early is escaped in names, else refused."""

from __future__ import annotations

import datetime as dt
import re

from newsletter_bandit.errors import SettingsError

# Neither a quote nor a backslash nor a control character, in any script.
_TEXT = re.compile(r"[^\x00-\x1f\x7f'\"`\\\u0080-\u009f\u2028\u2029\ud800-\udfff]{1,128}")


def text_literal(value: str, name: str) -> str:
    """A STRING.

    Raises:
      SettingsError: empty, longer than 128 characters, or with a quote, a backslash or a control character.
    """
    if not _TEXT.fullmatch(value):
        raise SettingsError(
            f"{name}: found {value!r}; allowed: 1 to 128 characters without quotes, backslashes and control "
            "characters"
        )
    return f"'{value}'"


def name_literal(name: str) -> str:
    """A STRING of a recommender's name, its quotes and backslashes escaped.

    Raises:
      SettingsError: a character that cannot be printed, which the settings let through in no name.
    """
    if not name or not name.isprintable():
        raise SettingsError(f"recommenders: found {name!r}; allowed: printable characters")
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def any_text(value: str) -> str:
    """A STRING of BigQuery's, whatever characters it has: each but letters and digits of ASCII is escaped."""
    return "'" + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in value) + "'"


def date_literal(day: dt.date) -> str:
    """A DATE."""
    _check_day(day)
    return f"DATE '{day.isoformat()}'"


def midnight_literal(day: dt.date) -> str:
    """The TIMESTAMP at which the day begins in UTC."""
    _check_day(day)
    return f"TIMESTAMP '{day.isoformat()} 00:00:00+00:00'"


def identifier(name: str) -> str:
    """A column's name in backticks, whatever word it is; the settings have checked its characters.

    Raises:
      SettingsError: something else than ASCII letters, digits and underscores.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,299}", name):
        raise SettingsError(f"column {name!r}; allowed: letters, digits and underscores, no digit first")
    return f"`{name}`"


def _check_day(day: dt.date) -> None:
    # A datetime is a date as well, and its text would not be a DATE literal.
    if type(day) is not dt.date:
        raise TypeError(f"found {day!r}; allowed: a datetime.date")
