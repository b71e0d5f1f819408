"""Shares as people write them, and the rows that they are compared with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use.arms import Arm
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.sniffing import listed

EQUAL = "equal"
# How far the shares that a person gives may be from 100% in sum.
_ROUNDING = 0.0101
_MOST_VALUES = 50
_SHARE = re.compile(r"\s*(?:(?P<name>.+?)\s*=\s*)?(?P<share>\d+(?:\.\d+)?)\s*(?P<percent>%?)\s*(?:[,;/]|$)")


def parse_split(text: str, names: Sequence[str], where: str) -> dict[str, float]:
    """The shares, which add up to 1, that a person wrote.

    Args:
      text: `equal`; or one share per recommender in their order, `40/30/10/10/10`; or each with its name,
        `deals=40, top rated=60`.
      names: the recommenders.
      where: begins each message.

    Raises:
      SettingsError: it is none of these, a name is unknown or missing, or the shares do not add up to 100%.
    """
    if text.strip().lower() == EQUAL:
        return dict.fromkeys(names, 1.0 / len(names))
    found, end = [], 0
    while end < len(text.rstrip()):
        match = _SHARE.match(text, end)
        if match is None:
            raise SettingsError(f"{where}: found {text!r}; allowed: {_allowed(names)}")
        found.append((match["name"], float(match["share"])))
        end = match.end()
    given = [name for name, _ in found if name is not None]
    if given and len(given) < len(found):
        raise SettingsError(f"{where}: found {text!r}; allowed: {_allowed(names)}")
    if not given:
        if len(found) != len(names):
            raise SettingsError(
                f"{where}: found {len(found)} shares for {len(names)} recommenders; allowed: "
                f"{_allowed(names)}"
            )
        found = [(name, share) for name, (_, share) in zip(names, found, strict=True)]
    shares = {str(name): share for name, share in found}
    odd = sorted(set(shares) - set(names)) or sorted(set(names) - set(shares)) if given else []
    if odd or len(shares) < len(found):
        raise SettingsError(
            f"{where}: {', '.join(odd) or 'a name'} is unknown, missing or given twice; allowed: "
            f"{_allowed(names)}"
        )
    return _normalised(shares, where)


def parse_part(text: str, shown: Sequence[str], every: Sequence[str], where: str) -> dict[str, float]:
    """The shares of rows that show only some recommenders: of those, or of all; raises as `parse_split`."""
    try:
        return parse_split(text, shown, where)
    except SettingsError as error:
        if len(shown) == len(every):
            raise
        try:
            return parse_split(text, every, where)
        except SettingsError:
            raise error from None


def _normalised(shares: Mapping[str, float], where: str) -> dict[str, float]:
    total = sum(shares.values())
    whole = 100.0 if total > 2.0 else 1.0
    if abs(total / whole - 1.0) > _ROUNDING:
        raise SettingsError(f"{where}: the shares add up to {total:g}; allowed: 100, or 1")
    empty = [name for name, share in shares.items() if not share]
    if empty:
        raise SettingsError(
            f"{where}: {', '.join(empty)} has the share 0, but the log shows it; allowed: more than 0"
        )
    return {name: share / total for name, share in shares.items()}


def _allowed(names: Sequence[str]) -> str:
    equal = "/".join(f"{100 / len(names):.3g}" for _ in names)
    named = ", ".join(f"{name}={100 / len(names):.3g}" for name in names)
    return f"`equal`, or shares such as {equal} in the order {', '.join(names)}, or {named}".replace("`", "")


@dataclass(frozen=True)
class Group:
    """Rows under one split.

    Attributes:
      value: of the rule's column; None where one split holds for all rows.
      rows: of each recommender, by name.
    """

    value: str | None
    rows: Mapping[str, int]


def groups_of(log: Log, arms: Sequence[Arm], column: str, rule: str) -> list[Group]:
    """The rows of each recommender by the value of the rule's column, most rows first.

    Raises:
      SettingsError: the column is not in the files, or holds too many values for a rule.
    """
    if rule not in log.columns:
        raise SettingsError(
            f"`rule_column`: {log.files[0]} has no column {rule!r}; allowed: {', '.join(log.columns)}"
        )
    if log.columns[rule].different > _MOST_VALUES:
        raise SettingsError(
            f"`rule_column`: {rule!r} holds {log.columns[rule].different:,} different values; allowed: at "
            f"most {_MOST_VALUES}"
        )
    rows = log.connection.execute(
        f"SELECT coalesce({log.value(rule)}, '') AS value, {arm_number(log, arms, column)} AS arm, "
        "count(*) FROM log WHERE arm IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for value, arm, count in rows:
        found.setdefault(str(value), {})[arms[arm].name] = int(count)
    return sorted(
        (Group(value, counts) for value, counts in found.items()), key=lambda g: -sum(g.rows.values())
    )


def arm_number(log: Log, arms: Sequence[Arm], column: str) -> str:
    """DuckDB expression for the number of a row's recommender in ``arms``."""
    cases = " ".join(
        f"WHEN {log.value(column)} IN ({listed(arm.values)}) THEN {i}" for i, arm in enumerate(arms)
    )
    return f"CASE {cases} END"
