"""What the rows refused for one reason have in common, and the rows that are kept have not.

Two traits of a column are looked for:

- a value: all refused rows hold the same text, and at most `MAX_KEPT_SHARE` of the kept rows do;
- a bound: all refused rows hold a number, none below (or none above) a bound that at most `MAX_KEPT_SHARE` of
  the kept rows reach. A number may have commas, blanks or apostrophes between its thousands. Of the bounds
  that separate the refused rows from the nearest kept one beyond, the roundest is named.

A trait of fewer than `MIN_REFUSED` rows, or in contrast to fewer than `MIN_KEPT`, may be an accident and is
not named. The values are the file's own, so they can be looked up there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.table_files.faults import found_text

MIN_REFUSED = 3
MIN_KEPT = 20
MAX_KEPT_SHARE = 0.05
MAX_TRAITS = 3
_BETWEEN_THOUSANDS = "[, '’\u00a0]"
_THOUSANDS = rf"^[-+]?\d{{1,3}}({_BETWEEN_THOUSANDS}\d{{3}})+(\.\d*)?$"


@dataclass(frozen=True)
class _Found:
    """One column of the rows refused for one reason: the only value, or None; the numbers' range, or None."""

    column: str
    value: str | None
    low: float | None
    high: float | None


def common_traits(
    connection: duckdb.DuckDBPyConnection, refused: str, kept: str, columns: Sequence[str], first: str
) -> list[str]:
    """Traits as sentences, at most `MAX_TRAITS`.

    Args:
      connection: runs the queries.
      refused: query of the rows refused for one reason, each column a text.
      kept: query of the rows that are kept, with the same columns.
      columns: the columns.
      first: the column at fault, whose traits come first.
    """
    ((rows,),) = connection.execute(f"SELECT count(*) FROM ({refused})").fetchall()
    ((kept_rows,),) = connection.execute(f"SELECT count(*) FROM ({kept})").fetchall()
    if rows < MIN_REFUSED or kept_rows < MIN_KEPT or not columns:
        return []
    ordered = sorted(columns, key=lambda column: column != first)
    candidates = [
        each
        for each in _shared(connection, refused, ordered)
        # That a column at fault is empty is its reason already.
        if each.low is not None or each.value or (each.value == "" and each.column != first)
    ]
    traits: list[str] = []
    for each in candidates:
        if len(traits) == MAX_TRAITS:
            break
        trait = _trait(connection, kept, kept_rows, each)
        if trait is not None:
            traits.append(trait)
    return traits


def _shared(connection: duckdb.DuckDBPyConnection, refused: str, columns: Sequence[str]) -> list[_Found]:
    selected = ", ".join(
        f"min({_text(c)}), max({_text(c)}), "
        f"min({_number(c)}), max({_number(c)}), count({_number(c)}) = count(*)"
        for c in columns
    )
    (row,) = connection.execute(f"SELECT {selected} FROM ({refused})").fetchall()
    found = []
    for index, column in enumerate(columns):
        least, most, low, high, numbers = row[5 * index : 5 * index + 5]
        same = least == most
        found.append(
            _Found(
                column=column,
                value=least if same else None,
                low=low if numbers and not same else None,
                high=high if numbers and not same else None,
            )
        )
    return found


def _trait(connection: duckdb.DuckDBPyConnection, kept: str, kept_rows: int, found: _Found) -> str | None:
    column, number = found.column, _number(found.column)
    if found.value is not None:
        query = f"SELECT count_if({_text(column)} = ?) FROM ({kept})"
        ((having,),) = connection.execute(query, [found.value]).fetchall()
        return _sentence(f"{column} = {found_text(found.value or None)}", having, kept_rows)
    (row,) = connection.execute(
        f"SELECT count_if({number} >= $low), max({number}) FILTER ({number} < $low), "
        f"count_if({number} <= $high), min({number}) FILTER ({number} > $high) FROM ({kept})",
        {"low": found.low, "high": found.high},
    ).fetchall()
    assert found.low is not None
    assert found.high is not None
    reaching, below, under, above = row
    if below is not None:
        sentence = _sentence(f"{column} >= {_plain(_roundest(found.low, below))}", reaching, kept_rows)
        if sentence is not None:
            return sentence
    if above is not None:
        bound = -_roundest(-found.high, -above)
        return _sentence(f"{column} <= {_plain(bound)}", under, kept_rows)
    return None


def _sentence(words: str, having: int, kept_rows: int) -> str | None:
    if having > MAX_KEPT_SHARE * kept_rows:
        return None
    of_kept = "none of the kept rows has" if not having else f"{having / kept_rows:.2%} of the kept rows have"
    return f"all have {words} ({of_kept})"


def _text(column: str) -> str:
    return f"coalesce({quoted(column)}, '')"


def _number(column: str) -> str:
    name = f"trim({quoted(column)})"
    plain = f"regexp_replace({name}, {text(_BETWEEN_THOUSANDS)}, '', 'g')"
    written = f"CASE WHEN regexp_matches({name}, {text(_THOUSANDS)}) THEN {plain} ELSE {name} END"
    number = f"TRY_CAST({written} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _roundest(bound: float, beyond: float) -> float:
    """The number with the fewest digits that is at most ``bound`` and greater than ``beyond``."""
    if beyond < 0.0 <= bound:
        return 0.0
    for digits in range(1, 17):
        scale = math.floor(math.log10(abs(bound))) - digits + 1
        unit = 10.0**scale
        rounded = float(f"{math.floor(bound / unit) * unit:.{digits}g}")
        if beyond < rounded <= bound:
            return rounded
    return bound


def _plain(number: float) -> str:
    return f"{number:,.12g}"
