"""The features of a log: which columns may be used, how, and why the others are left out."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.first_use.facts import Facts
from newsletter_bandit.first_use.flags import Flag
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.roles import Roles
from newsletter_bandit.first_use.words import after_sending, an_id, words_of
from newsletter_bandit.settings.tables import RESERVED_COLUMNS
from newsletter_bandit.table_files.cells import number

ELIGIBLE = "eligible_recommenders"
MOST_WORDS = 1000  # different values of a text that is looked up in a vocabulary
_ROWS_PER_WORD = 20
# More dates than this after the newsletter: the column is filled later.
_MOST_AFTER = 0.01
# A value of a column that goes with a click this often, or never where so many clicks are to be expected, is
# known by the click.
_TELLS, _TELLING_ROWS = 0.98, 30
_MOST_TELLING = 20


@dataclass(frozen=True)
class Feature:
    """A column that the model may look at.

    Attributes:
      name: in the use case.
      column: of the files.
      settings: of the use case, such as ``{"type": "number", "treatment": "log1p"}``.
      why: for people.
    """

    name: str
    column: str
    settings: Mapping[str, Any]
    why: str


@dataclass(frozen=True)
class LeftOut:
    """A column that is no feature, and why."""

    column: str
    why: str


def choose_features(
    log: Log, roles: Roles, sent_on: dt.date | None, clicked: Flag, without: Collection[str]
) -> tuple[tuple[Feature, ...], tuple[LeftOut, ...]]:
    """The features, and the columns left out, in the order of the files.

    Args:
      log: the files.
      roles: columns that have a role, and are no features.
      sent_on: day on which all were sent, where no column holds the time.
      clicked: the click.
      without: columns that a person does not want.
    """
    used, recommender = set(roles.values()), roles["recommender"]
    sent = log.time(roles["time"]) if "time" in roles else f"DATE '{sent_on or dt.date.max}'"
    features: list[Feature] = []
    left_out: list[LeftOut] = []
    taken = {name.lower() for name in RESERVED_COLUMNS}
    for column, facts in log.columns.items():
        if column in used:
            continue
        if column == ELIGIBLE:
            left_out.append(LeftOut(column, "says which recommenders the user may get; `ingest` reads it"))
            continue
        why = "you left it out" if column in without else _unusable(log, facts, sent, recommender, clicked)
        settings, words = _treated(log, facts) if not why else ({}, why)
        if not settings:
            left_out.append(LeftOut(column, words))
            continue
        name = _identifier(column, taken)
        taken.add(name.lower())
        features.append(Feature(name, column, settings, words))
    return tuple(features), tuple(left_out)


def _unusable(log: Log, facts: Facts, sent: str, recommender: str, clicked: Flag) -> str:
    """Why a column can be no feature; "" where it can."""
    if facts.kind == "empty":
        return "empty"
    if facts.different < 2 and facts.filled == log.rows:
        return "the same in every row"
    if after_sending(facts.name):
        return "by its name known only after sending"
    if facts.dated and _after(log, facts.name, sent) > _MOST_AFTER:
        return "holds times after the newsletter was sent"
    if facts.different <= MOST_WORDS and _follows(log, facts.name, recommender):
        return "follows from the recommender, so it is the same fact twice"
    if _tells_click(log, facts, clicked):
        why = "one of its values goes with a click nearly always, or never, so it is known only afterwards"
        # Money, or a count.
        return (
            f"{why}; reward.terms can count it, docs/settings.md says how" if facts.kind == "number" else why
        )
    return ""


def _after(log: Log, column: str, sent: str) -> float:
    """Share of a column's dates that are later than the day of sending."""
    later = f"CAST({log.time(column)} AS DATE) > CAST({sent} AS DATE)"
    ((found, rows),) = log.connection.execute(
        f"SELECT count_if({later}), count({log.time(column)}) FROM log"
    ).fetchall()
    return found / rows if rows else 0.0


def _follows(log: Log, column: str, recommender: str) -> bool:
    """Each recommender has one value of the column."""
    ((most, different),) = log.connection.execute(
        "SELECT max(n), count(DISTINCT one) FROM (SELECT count(DISTINCT coalesce(value, '')) AS n, "
        f"min(coalesce(value, '')) AS one FROM (SELECT {log.value(column)} AS value, "
        f"{log.value(recommender)} AS arm FROM log) WHERE arm IS NOT NULL GROUP BY arm)"
    ).fetchall()
    return bool(most == 1 and different > 1)


def _tells_click(log: Log, facts: Facts, clicked: Flag) -> bool:
    value = log.value(facts.name)
    if facts.different <= _MOST_TELLING:
        group = f"coalesce({value}, '')"
    elif facts.kind == "number":
        group = f"{number(value, log.numbers)} > 0"
    else:
        group = f"{value} IS NULL"
    rows = log.connection.execute(
        f"SELECT count(*), count_if({clicked.sql}) FROM log GROUP BY {group}"
    ).fetchall()
    rate = sum(clicks for _, clicks in rows) / log.rows
    if rate > 0.9:
        return False
    return any(
        (count >= _TELLING_ROWS and clicks > _TELLS * count) or (not clicks and count * rate >= _TELLING_ROWS)
        for count, clicks in rows
    )


def _treated(log: Log, facts: Facts) -> tuple[dict[str, Any], str]:
    """Settings of the feature and what it is; no settings, and why, where it has too many values."""
    kind, different = facts.kind, facts.different
    if kind == "flag":
        return {"type": "bool"}, "yes or no"
    if facts.dated:
        return {"type": "date", "treatment": "log1p"}, "days before the newsletter, logarithm"
    if kind == "number" and not an_id(facts.name):
        skewed = facts.low >= 0.0 and facts.high > 10.0 * max(facts.median, 1.0)
        if skewed:
            return {
                "type": "number",
                "treatment": "log1p",
            }, f"number, logarithm, as it goes up to {facts.high:g}"
        return {"type": "number", "treatment": "z_score"}, "number"
    if different > MOST_WORDS or (different > 50 and facts.filled < _ROWS_PER_WORD * different):
        seem = ""
        if facts.mostly and not an_id(facts.name):
            seem = (
                f"; they look like {facts.mostly}s, but {facts.odd_rows:,} of {facts.filled:,} cannot be "
                f"read: {log.odd(facts.name)}"
            )
        return {}, f"{different:,} different values, too many to learn from{seem}"
    settings = {
        "type": "string",
        "max_vocabulary": max(2, math.ceil(1.25 * different)),
        "embedding_dim": min(8, max(2, round(math.sqrt(different)))),
    }
    return settings, f"one of {different:,} values"


def _identifier(column: str, taken: Collection[str]) -> str:
    """The column's name as the warehouse can have it, and no other feature has."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", column) is not None
    name = column if plain else "_".join(words_of(column))[:100] or "feature"
    if name[0].isdigit():
        name = f"n_{name}"
    numbered, number_ = name, 2
    while numbered.lower() in taken:
        numbered, number_ = f"{name}_{number_}", number_ + 1
    return numbered


def sliced(log: Log, features: Sequence[Feature]) -> tuple[str, ...]:
    """Features by which the value is reported too: at most two texts of few values."""
    few = [each for each in features if each.settings["type"] == "string"]
    few = [each for each in few if log.columns[each.column].different <= 10]
    return tuple(each.name for each in few[:2])
