"""DuckDB expressions for dates and times as texts, with months by name in English and German too."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter_bandit.quoting import text

# Name as strptime's %b has it -> a regular expression of all others, in either case.
_MONTHS = {
    "Jan": "january|januar|jänner|jan",
    "Feb": "february|februar|feber|feb",
    "Mar": "march|märz|mär|maerz|mrz|mar",
    "Apr": "april|apr",
    "May": "may|mai",
    "Jun": "june|juni|jun",
    "Jul": "july|juli|jul",
    "Aug": "august|aug",
    "Sep": "september|sept|sep",
    "Oct": "october|oktober|oct|okt",
    "Nov": "november|nov",
    "Dec": "december|dezember|dec|dez",
}
_BEFORE, _AFTER = "\\1", "\\2"  # groups of the expression
# A month by name, whole, with a point where it is shortened.
MONTH = rf"(?i:{'|'.join(_MONTHS.values())})\.?"
_NAMED = re.compile(r"%[bB]\.?")


def english(expression: str) -> str:
    """The text with a month's name as strptime's %b has it."""
    for name, others in _MONTHS.items():
        # No letter before or after: in RE2 a word ends at an umlaut too.
        whole = text(rf"(^|[^\pL])(?i:{others})\.?($|[^\pL])")
        expression = f"regexp_replace({expression}, {whole}, {text(rf'{_BEFORE}{name}{_AFTER}')})"
    return expression


def plain(formats: Sequence[str]) -> list[str]:
    """The strptime formats of what `english` gives."""
    return [_NAMED.sub("%b", each) for each in formats]


def parsed(expression: str, formats: Sequence[str]) -> str:
    """The text as TIMESTAMP by the first strptime format that fits; NULL where none does.

    Formats with `%b` or `%B` take a month's name, long or short, in English or German.
    """
    if any(_NAMED.search(each) for each in formats):
        expression = english(expression)
    return f"try_strptime({expression}, [{', '.join(map(text, plain(formats)))}])"
