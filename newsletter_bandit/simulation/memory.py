"""What each subject was shown, and clicked: of it fatigue is made, and the features with `history`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from newsletter_bandit.settings.tables import History
from newsletter_bandit.simulation.users import Bools, Floats, Ints

_NEVER = -1


@dataclass(frozen=True, eq=False)
class _Week:
    """By subject [size]: the day on which it was shown something in a week, what, and whether it clicked."""

    day: Ints
    served: Ints
    clicked: Bools


class Memory:
    """Showings of subjects that come at most once in each week; days count from the world's first one.

    Args:
      size: number of subjects.
      recommenders: their number K.
      weekday: of the world's first day, Monday is 0: weeks are ISO weeks.
    """

    def __init__(self, size: int, recommenders: int, weekday: int) -> None:
        self._size = size
        self._recommenders = recommenders
        self._weekday = weekday
        self._weeks: dict[int, _Week] = {}

    def fork(self) -> Memory:
        """One with the same past, which later showings do not share."""
        made = Memory(self._size, self._recommenders, self._weekday)
        made._weeks = {
            number: _Week(week.day.copy(), week.served.copy(), week.clicked.copy())
            for number, week in self._weeks.items()
        }
        return made

    def add(self, users: Ints, day: Ints, served: Ints, clicked: Bools) -> None:
        """Notes showings [n]."""
        for number in np.unique((day + self._weekday) // 7).tolist():
            rows = (day + self._weekday) // 7 == number
            week = self._weeks.setdefault(
                number,
                _Week(
                    np.full(self._size, _NEVER, np.int64),
                    np.zeros(self._size, np.int64),
                    np.zeros(self._size, np.bool_),
                ),
            )
            week.day[users[rows]] = day[rows]
            week.served[users[rows]] = served[rows]
            week.clicked[users[rows]] = clicked[rows]

    def shown(self, users: Ints, day: Ints, days: int) -> Floats:
        """How often each recommender was shown to each user in the ``days`` days before `day`, [n, K]."""
        counts = np.zeros((len(users), self._recommenders))
        for week in self._weeks.values():
            rows, _ = _there(week, users, day, days)
            counts[rows, week.served[users[rows]]] += 1.0
        return counts

    def feature(self, users: Ints, day: Ints, history: History, recommender: int | None) -> Floats:
        """A feature with `history` [n], as `configs/queries/_history.sql` counts it.

        Args:
          users, day: positions and days [n].
          history: what is counted.
          recommender: column of the one that counts; None counts all.
        """
        found = np.full(len(users), float(history.days if history.count == "days_since_shown" else 0))
        for week in self._weeks.values():
            rows, age = _there(week, users, day, history.days)
            if recommender is not None:
                rows = rows[week.served[users[rows]] == recommender]
            if history.count == "days_since_shown":
                found[rows] = np.minimum(found[rows], age[rows])
            else:
                counts = week.clicked[users[rows]] if history.count == "clicks" else True
                found[rows] += counts
        return found


def _there(week: _Week, users: Ints, day: Ints, days: int) -> tuple[Ints, Ints]:
    """Rows whose user was shown something in the days before, and the ages of all rows' showings."""
    when = week.day[users]
    age = day - when
    return np.flatnonzero((when != _NEVER) & (age >= 1) & (age <= days)), age
