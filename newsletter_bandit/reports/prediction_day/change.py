"""Who is first how often, now and on the day before, and how far the two days lie apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from newsletter_bandit.reports.amounts import MINUS, share
from newsletter_bandit.reports.prediction_day.evidence import EarlierDay, PredictionDay

# Upper ends of the words for a distance.
_WORDS = ((0.02, "hardly anything"), (0.1, "a little"), (0.25, "a good part"))


@dataclass(frozen=True)
class Share:
    """One recommender in the first place: shares of the users in [0, 1]; ``before`` is None without a day
    before, ``explored`` is the share of its own users, None where it has none.
    """

    recommender: str
    users: int
    now: float
    before: float | None
    explored: float | None

    @property
    def change(self) -> float:
        """Now less before; 0 without a day before."""
        return 0.0 if self.before is None else self.now - self.before

    @property
    def change_words(self) -> str:
        """Such as "+3.1 points"."""
        return points(self.change)


@dataclass(frozen=True)
class Change:
    """How far a day lies from the one before it.

    Attributes:
      before: the day before.
      moved: least share of the users who would need another first recommender to turn the one day into the
        other: the total variation distance, in [0, 1].
      by_chance: what is to be expected of it between two random groups of so many users.
      most: the recommender whose share changed most.
    """

    before: EarlierDay
    moved: float
    by_chance: float
    most: Share

    @property
    def is_chance(self) -> bool:
        """It is no more than chance alone makes."""
        return self.moved <= self.by_chance

    @property
    def amount(self) -> str:
        """The distance in words, such as "a little"."""
        return next((words for end, words in _WORDS if self.moved < end), "very much")

    @property
    def most_words(self) -> str:
        """What changed most, such as "deals: from 30.0% to 36.0%"."""
        return f"{self.most.recommender}, from {share(self.most.before)} to {share(self.most.now)}"


def shares(day: PredictionDay) -> list[Share]:
    """Every recommender that is or was first for somebody, the most frequent one first."""
    before = None if day.before is None else _parts(day.before.users)
    found = {
        one.recommender: Share(
            one.recommender,
            one.users,
            one.users / day.users,
            None if before is None else before.get(one.recommender, 0.0),
            one.explored / one.users,
        )
        for one in day.first
    }
    gone = {name: part for name, part in (before or {}).items() if name not in found and part}
    rows = [*found.values(), *(Share(name, 0, 0.0, part, None) for name, part in gone.items())]
    return sorted(rows, key=lambda row: (-row.now, -(row.before or 0.0), row.recommender))


def change(day: PredictionDay, among: Iterable[str] | None = None) -> Change | None:
    """The distance from the day before; None without one.

    Args:
      day: the day.
      among: the recommenders of the day before that count; None for all.
    """
    if day.before is None:
        return None
    kept = {name: n for name, n in day.before.users.items() if among is None or name in set(among)}
    if not sum(kept.values()):
        return None
    rows = shares(day)
    now, before = {row.recommender: row.now for row in rows}, _parts(kept)
    names = sorted(now.keys() | before.keys())  # one order, and so the same last digit each time
    moves = {name: now.get(name, 0.0) - before.get(name, 0.0) for name in names}
    sizes = 1 / day.users + 1 / sum(kept.values())
    pooled = {
        name: (now.get(name, 0.0) * day.users + kept.get(name, 0)) / (day.users + sum(kept.values()))
        for name in names
    }
    return Change(
        day.before,
        sum(map(abs, moves.values())) / 2,
        # Half the sum of |d| for d normal with the variance of a difference of two shares.
        sum(math.sqrt(p * (1 - p) * sizes / (2 * math.pi)) for p in pooled.values()),
        max(rows, key=lambda row: (abs(row.change), row.recommender)),
    )


def points(difference: float) -> str:
    """A difference of shares, such as "+3.1 points" or "0.0 points"."""
    text = f"{100 * difference:+.1f}"
    return f"{text.replace('-', MINUS) if text not in ('+0.0', '-0.0') else '0.0'} points"


def _parts(users: Mapping[str, int]) -> dict[str, float]:
    total = sum(users.values())
    return {name: count / total for name, count in users.items()} if total else {}
