"""The recommenders of a log: the values of one column, under the names that the use case will give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use.flags import Flag
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.settings.names import MAX_NAME_BYTES

_APOSTROPHES = str.maketrans("’‘´`", "''''")


@dataclass(frozen=True)
class Arm:
    """One recommender.

    Attributes:
      name: in the use case.
      values: texts of the files that stand for it.
      rows: newsletters that it filled.
      clicks: of these, with a click.
    """

    name: str
    values: tuple[str, ...]
    rows: int
    clicks: int

    @property
    def renamed(self) -> tuple[str, ...]:
        """Its texts that are not its name."""
        return tuple(value for value in self.values if value != self.name)


def arms_of(log: Log, column: str, clicked: Flag, names: Mapping[str, str]) -> tuple[Arm, ...]:
    """The recommenders, those with most rows first.

    Spellings that differ by case, blanks or the kind of apostrophe are one recommender, under the commonest.

    Args:
      log: the files.
      column: the recommender.
      clicked: the click.
      names: text of the files -> name that a person gave it.

    Raises:
      SettingsError: a text that got a name is not in the files, or fewer than two recommenders are left.
    """
    counted = log.connection.execute(
        f"SELECT {log.value(column)} AS arm, count(*), count_if({clicked.sql}) FROM log "
        "WHERE arm IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    texts = [str(value) for value, _, _ in counted]
    for value in names:
        if value not in texts:
            raise SettingsError(f"`rename`: column {column!r} has no {value!r}; allowed: {', '.join(texts)}")
    groups: dict[str, list[tuple[str, int, int]]] = {}
    for value, rows, clicks in counted:
        name = names.get(value)
        group = f"name {name}" if name is not None else f"text {_spelling(value)}"
        groups.setdefault(group, []).append((value, int(rows), int(clicks)))
    merged: dict[str, Arm] = {}
    for members in groups.values():
        name = names.get(members[0][0]) or _as_name(members[0][0])
        earlier = merged.get(name, Arm(name, (), 0, 0))
        merged[name] = Arm(
            name,
            (*earlier.values, *(value for value, _, _ in members)),
            earlier.rows + sum(rows for _, rows, _ in members),
            earlier.clicks + sum(clicks for _, _, clicks in members),
        )
    if len(merged) < 2:
        raise SettingsError(
            f"`recommender`: {column!r} holds {', '.join(merged)} alone; two are needed to choose"
        )
    return tuple(sorted(merged.values(), key=lambda arm: (-arm.rows, arm.name)))


def _spelling(value: str) -> str:
    return " ".join(value.translate(_APOSTROPHES).casefold().split())


def _as_name(value: str) -> str:
    """The text, or what is left of it where it cannot be the name of a recommender."""
    printable = "".join(each if each.isprintable() and each != "|" else " " for each in value)
    short = printable.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return re.sub(r"\s+", " ", short).strip() if short != value else value
