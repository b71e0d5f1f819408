"""Sniffs what the texts of a column are: numbers, dates, flags, and what stands for an empty cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import duckdb

from newsletter_bandit.first_use import patterns
from newsletter_bandit.first_use.facts import Facts, Kind, Odd
from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.settings.mapping import THOUSANDS
from newsletter_bandit.table_files.cells import NULLS, Numbers, number
from newsletter_bandit.table_files.dates import MONTH, english, parsed, plain

Decimal = Literal["point", "comma"]
# Ways to write numbers; `1,234` may be a thousand or not, so of two that fit alike the first is taken. Where
# semicolons stand between the columns, the comma is taken: it is the decimal sign.
_BOTH_FIRST = (Numbers(".", ""), Numbers(".", THOUSANDS["apostrophe"]))
_COMMA = (Numbers(",", ""), Numbers(",", THOUSANDS["apostrophe"]), Numbers(",", "."))
_POINT_FIRST = (*_BOTH_FIRST, Numbers(".", ","), *_COMMA)
_COMMA_FIRST = (*_BOTH_FIRST, *_COMMA, Numbers(".", ","))
_BLANKS_LAST = (Numbers(".", THOUSANDS["blank"]), Numbers(",", THOUSANDS["blank"]))
WAYS = (*_POINT_FIRST, *_BLANKS_LAST)
# Values of a column that are looked at one by one.
MOST_VALUES = 200
# A column is what this share of its values is; with fewer, but this many, it is a text that is mostly that.
NEARLY_ALL, MOSTLY = 0.99, 0.5
# Odd values of a column that are kept one by one.
MOST_ODD = 20
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
    separated: int
    numbers: Mapping[Numbers, int] = field(kw_only=True)

    @property
    def values(self) -> int:
        """Rows with a value, without the texts that stand for an empty cell."""
        return self.filled - self.nulls - self.typed_nulls

    def all_are(self, matching: int) -> bool:
        """All values match, but for texts that stand for an empty cell among them."""
        return 0 < matching == self.values

    def nearly_all_are(self, matching: int, share: float = NEARLY_ALL) -> bool:
        """As `all_are`, but for a few values."""
        return matching > 0 and matching >= share * self.values


def counts_of(connection: duckdb.DuckDBPyConnection, column: str) -> Counts:
    """Counts of a column of table `log`."""
    name = quoted(column)

    def matching(pattern: str) -> str:
        return f"regexp_full_match({name}, {text(pattern)})"

    conditions = (
        f"{name} IN ({listed(NULLS)})",
        f"{name} IN ({listed(patterns.TYPED_NULLS)})",
        matching(patterns.LEADING_ZERO),
        matching(patterns.DATE),
        matching(patterns.TIME),
        matching(patterns.ISO),
        matching(patterns.ZONED),
        f"lower({name}) IN ({listed((*patterns.TRUE, *patterns.FALSE))})",
        matching(patterns.SEPARATED),
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

    def fit(way: Numbers) -> tuple[int, int]:
        # Of ways that read nearly all of a column, the one that reads most of it.
        read = [each.numbers[way] for each in counts if each.nearly_all_are(each.numbers[way])]
        return len(read), sum(read)

    return max(allowed, key=fit)


def formats_of(
    connection: duckdb.DuckDBPyConnection, column: str, counts: Counts, month_first: bool | None
) -> tuple[tuple[str, ...], bool]:
    """The strptime formats of a column's dates, and whether day and month may be the other way round.

    No format: too few texts are dates, or those that are dates are written 2026-01-31.
    """
    dates = counts.days + counts.times
    if not counts.nearly_all_are(dates, MOSTLY) or counts.iso == dates:
        return (), False
    name = quoted(column)
    tokens = listed((*NULLS, *patterns.TYPED_NULLS))
    others = f"{name} NOT IN ({tokens}) AND NOT regexp_full_match({name}, {text(patterns.ISO)})"
    by_name = f"count_if(regexp_matches({name}, {text(MONTH)}))"
    ((named,),) = connection.execute(f"SELECT {by_name} FROM log WHERE {others}").fetchall()
    value = english(name) if named else name
    days = (*patterns.DAYS, *patterns.NAMED_DAYS) if named else patterns.DAYS
    texts = f"SELECT {value} AS value, count(*) AS rows FROM log WHERE {others} GROUP BY 1"
    few = _fitting(connection, f"{texts} LIMIT {_FIRST_LOOK}", days)
    fitting = _fitting(connection, texts, tuple(few))
    # Those that read the most: a few dates tell 13/01 from 01/13, and a few others may be no dates at all.
    most = max((rows for rows, _ in fitting.values()), default=0)
    best = {day: formats for day, (rows, formats) in fitting.items() if rows == most}
    month = [day for day in best if day in patterns.MONTH_FIRST]
    day_ = [day for day in best if day in patterns.DAY_FIRST]
    if month_first is not None:
        wrong = patterns.DAY_FIRST if month_first else patterns.MONTH_FIRST
        right = {day: found for day, found in fitting.items() if day not in wrong}
        most = max((rows for rows, _ in right.values()), default=0)
        best = {day: formats for day, (rows, formats) in right.items() if rows == most}
    in_doubt = month_first is None and bool(month) and bool(day_)
    return next(iter(best.values()), ()), in_doubt


def _fitting(
    connection: duckdb.DuckDBPyConnection, texts: str, days: tuple[str, ...]
) -> dict[str, tuple[int, tuple[str, ...]]]:
    """The formats of days that fit most texts, each with the rows that it reads, and with the formats, hours
    included, that it takes.
    """
    tried = [day + hour for day in days for hour in patterns.HOURS]
    if not tried:
        return {}
    counted = ", ".join(
        f"coalesce(sum(rows) FILTER (try_strptime(value, {text(each)}) IS NOT NULL), 0)"
        for each in plain(tried)
    )
    (row,) = connection.execute(f"SELECT coalesce(sum(rows), 0), {counted} FROM ({texts})").fetchall()
    found = dict(zip(tried, map(int, row[1:]), strict=True))
    fitting = {}
    for day in days:
        formats = [day + hour for hour in patterns.HOURS]
        rows = sum(found[each] for each in formats)
        if rows and rows >= MOSTLY * int(row[0]):
            fitting[day] = (rows, tuple(each for each in formats if found[each]))
    return fitting


def time_of(value: str, formats: Sequence[str]) -> str:
    """DuckDB expression for a text as TIMESTAMPTZ in the zone of the connection; NULL where it is no time."""
    if not formats:
        return f"TRY_CAST({value} AS TIMESTAMPTZ)"
    by_format = f"CAST({parsed(value, formats)} AS TIMESTAMPTZ)"
    return f"coalesce({by_format}, TRY_CAST({value} AS TIMESTAMPTZ))"


def facts_of(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    counts: Counts,
    numbers: Numbers,
    formats: tuple[str, ...],
) -> Facts:
    """The facts of a column of table `log`."""
    name = quoted(column)
    every = listed((*NULLS, *patterns.TYPED_NULLS))
    like = _looks(counts, numbers, formats)
    odd: tuple[Odd, ...] = ()
    odd_rows = 0
    if like and not counts.all_are(counts.flags):
        read = time_of(name, formats) if like == "time" else number(name, numbers)
        odd, odd_rows = odd_of(connection, name, f"{name} NOT IN ({every}) AND {read} IS NULL")
    kind = _kind(counts, like, odd_rows)
    tokens = NULLS if kind == "text" else (*NULLS, *patterns.TYPED_NULLS)
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
        formats=formats if kind in ("time", "day") else (),
        zoned=kind == "time" and counts.nearly_all_are(counts.zoned),
        low=low,
        median=median,
        high=high,
        whole=whole,
        mostly=like if kind == "text" else "",
        odd=odd,
        odd_rows=odd_rows,
    )


def _looks(counts: Counts, numbers: Numbers, formats: tuple[str, ...]) -> Literal["", "time", "number"]:
    """What most values of a column are, or look like."""
    if formats or counts.nearly_all_are(counts.iso, MOSTLY):
        return "time"
    # An id or a postal code begins with 0, a number does not.
    if counts.leading_zero > (1.0 - NEARLY_ALL) * counts.values:
        return ""
    seem = max(counts.numbers[numbers], counts.separated)
    return "number" if counts.nearly_all_are(seem, MOSTLY) else ""


def odd_of(connection: duckdb.DuckDBPyConnection, name: str, condition: str) -> tuple[tuple[Odd, ...], int]:
    """The commonest texts of a column for which the condition holds, and the rows of all of them."""
    rows = connection.execute(
        f"SELECT {name}, count(*), min(rowid) + 1, sum(count(*)) OVER () FROM log WHERE {condition} "
        f"GROUP BY 1 ORDER BY 2 DESC, 3 LIMIT {MOST_ODD}"
    ).fetchall()
    odd = tuple(Odd(str(value), int(count), int(first)) for value, count, first, _ in rows)
    return odd, int(rows[0][3]) if rows else 0


def _kind(counts: Counts, like: Literal["", "time", "number"], odd_rows: int) -> Kind:
    if counts.filled == counts.nulls:
        return "empty"
    if counts.all_are(counts.flags):
        return "flag"
    if not like or not counts.nearly_all_are(counts.values - odd_rows):
        return "text"
    if like == "number":
        return "number"
    return "time" if counts.times else "day"
