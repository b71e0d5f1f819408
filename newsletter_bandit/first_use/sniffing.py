"""Sniffs what the texts of a column are: numbers, dates, flags, and what stands for an empty cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import duckdb

from newsletter_bandit.first_use import patterns
from newsletter_bandit.first_use.facts import Facts, Kind
from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.settings.mapping import THOUSANDS
from newsletter_bandit.table_files.cells import Numbers, number

Decimal = Literal["point", "comma"]
# Ways to write numbers; `1,234` may be a thousand or not, so of two that fit alike the first is taken. Where
# semicolons stand between the columns, the comma is taken: it is the decimal sign.
_BOTH_FIRST = (Numbers(".", ""), Numbers(".", THOUSANDS["apostrophe"]))
_POINT_FIRST = (*_BOTH_FIRST, Numbers(".", ","), Numbers(",", ""), Numbers(",", "."))
_COMMA_FIRST = (*_BOTH_FIRST, Numbers(",", ""), Numbers(",", "."), Numbers(".", ","))
_BLANKS_LAST = (Numbers(".", THOUSANDS["blank"]), Numbers(",", THOUSANDS["blank"]))
WAYS = (*_POINT_FIRST, *_BLANKS_LAST)
# Values of a column that are looked at one by one.
MOST_VALUES = 200
# Different dates that rule out most formats before all are looked at.
_FIRST_LOOK = 500
# More different words for yes and no than this are no flag.
_MOST_WORDS = 6


@dataclass(frozen=True)
class Counts:
    """How many of a column's texts look like what; `numbers` counts them for each of `WAYS`."""

    filled: int
    nulls: int
    typed_nulls: int
    leading_zero: int
    days: int
    times: int
    iso: int
    zoned: int
    flags: int
    numbers: Mapping[Numbers, int] = field(kw_only=True)

    def all_are(self, matching: int) -> bool:
        """All values match, but for texts that stand for an empty cell among them."""
        return 0 < matching == self.filled - self.nulls - self.typed_nulls


def counts_of(connection: duckdb.DuckDBPyConnection, column: str) -> Counts:
    """Counts of a column of table `log`."""
    name = quoted(column)

    def matching(pattern: str) -> str:
        return f"regexp_full_match({name}, {text(pattern)})"

    conditions = (
        f"{name} IN ({listed(patterns.NULLS)})",
        f"{name} IN ({listed(patterns.TYPED_NULLS)})",
        matching(patterns.LEADING_ZERO),
        matching(patterns.DATE),
        matching(patterns.TIME),
        matching(patterns.ISO),
        matching(patterns.ZONED),
        f"lower({name}) IN ({listed((*patterns.TRUE, *patterns.FALSE))})",
    )
    numbers = [matching(way.pattern) for way in WAYS]
    counted = ", ".join(f"count_if({condition})" for condition in (*conditions, *numbers))
    (row,) = connection.execute(f"SELECT count({name}), {counted} FROM log").fetchall()
    found = [int(count) for count in row]
    of_numbers = dict(zip(WAYS, found[-len(WAYS) :], strict=True))
    return Counts(*found[: -len(WAYS)], numbers=of_numbers)


def listed(texts: Iterable[str]) -> str:
    """The texts as literals of SQL, with commas between."""
    return ", ".join(map(text, texts))


def numbers_of(counts: Sequence[Counts], semicolon: bool, decimal: Decimal | None) -> Numbers:
    """The way of writing numbers that makes numbers of most columns.

    Args:
      counts: of each column.
      semicolon: whether semicolons stand between the columns.
      decimal: the sign before decimals, where a person said it.
    """
    ways = [*(_COMMA_FIRST if semicolon else _POINT_FIRST), *_BLANKS_LAST]
    sign = None if decimal is None else {"point": ".", "comma": ","}[decimal]
    allowed = [way for way in ways if sign in (None, way.decimal)]
    return max(allowed, key=lambda way: sum(each.all_are(each.numbers[way]) for each in counts))


def formats_of(
    connection: duckdb.DuckDBPyConnection, column: str, counts: Counts, month_first: bool | None
) -> tuple[tuple[str, ...], bool]:
    """The strptime formats of a column's dates, and whether day and month may be the other way round.

    No format: the texts are no dates, or all are written 2026-01-31.
    """
    if not counts.all_are(counts.days + counts.times) or counts.iso == counts.days + counts.times:
        return (), False
    name = quoted(column)
    tokens = listed((*patterns.NULLS, *patterns.TYPED_NULLS))
    others = f"{name} NOT IN ({tokens}) AND NOT regexp_full_match({name}, {text(patterns.ISO)})"
    texts = f"SELECT DISTINCT {name} AS value FROM log WHERE {others}"
    few = _fitting(connection, f"{texts} LIMIT {_FIRST_LOOK}", patterns.DAYS)
    fitting = _fitting(connection, texts, tuple(few))
    month = [day for day in fitting if day in patterns.MONTH_FIRST]
    day_ = [day for day in fitting if day in patterns.DAY_FIRST]
    if month_first is not None:
        wrong = day_ if month_first else month
        fitting = {day: formats for day, formats in fitting.items() if day not in wrong}
    in_doubt = month_first is None and bool(month) and bool(day_)
    return next(iter(fitting.values()), ()), in_doubt


def _fitting(
    connection: duckdb.DuckDBPyConnection, texts: str, days: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """The formats of days that fit all texts, each with the formats, hours included, that it takes."""
    tried = [day + hour for day in days for hour in patterns.HOURS]
    if not tried:
        return {}
    parsed = ", ".join(f"count(try_strptime(value, {text(each)}))" for each in tried)
    (row,) = connection.execute(f"SELECT count(*), {parsed} FROM ({texts})").fetchall()
    found = dict(zip(tried, map(int, row[1:]), strict=True))
    fitting = {}
    for day in days:
        formats = [day + hour for hour in patterns.HOURS]
        if sum(found[each] for each in formats) == int(row[0]):
            fitting[day] = tuple(each for each in formats if found[each])
    return fitting


def facts_of(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    counts: Counts,
    numbers: Numbers,
    formats: tuple[str, ...],
) -> Facts:
    """The facts of a column of table `log`."""
    kind = _kind(counts, numbers, formats)
    tokens = patterns.NULLS if kind == "text" else (*patterns.NULLS, *patterns.TYPED_NULLS)
    name = quoted(column)
    kept = f"{name} IS NOT NULL AND {name} NOT IN ({listed(tokens)})"
    ((different, filled),) = connection.execute(
        f"SELECT count(DISTINCT {name}), count(*) FROM log WHERE {kept}"
    ).fetchall()
    values = connection.execute(
        f"SELECT {name}, count(*) FROM log WHERE {kept} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}"
    ).fetchall()
    if kind == "flag" and different > _MOST_WORDS:
        kind = "text"
    nulls: tuple[str, ...] = ()
    if counts.typed_nulls and kind != "text":
        query = f"SELECT DISTINCT {name} FROM log WHERE {name} IN ({listed(patterns.TYPED_NULLS)}) ORDER BY 1"
        nulls = tuple(value for (value,) in connection.execute(query).fetchall())
    low = median = high = 0.0
    whole = False
    if kind in ("number", "flag"):
        as_number = number(name, numbers)
        (figures,) = connection.execute(
            f"SELECT min(x), median(x), max(x), bool_and(x = floor(x)) FROM (SELECT {as_number} AS x FROM "
            f"log WHERE {kept})"
        ).fetchall()
        low, median, high = (float(figure or 0.0) for figure in figures[:3])
        whole = bool(figures[3])
    return Facts(
        name=column,
        kind=kind,
        filled=int(filled),
        different=int(different),
        values=tuple((str(value), int(rows)) for value, rows in values),
        nulls=nulls,
        formats=formats,
        zoned=counts.zoned > 0 and counts.zoned == counts.times,
        low=low,
        median=median,
        high=high,
        whole=whole,
    )


def _kind(counts: Counts, numbers: Numbers, formats: tuple[str, ...]) -> Kind:
    if counts.filled == counts.nulls:
        return "empty"
    if counts.all_are(counts.flags):
        return "flag"
    if formats or counts.all_are(counts.iso):
        return "time" if counts.times else "day"
    # An id or a postal code begins with 0, a number does not.
    return "number" if counts.all_are(counts.numbers[numbers]) and not counts.leading_zero else "text"
