"""The newsletter's readers, as `users.py` draws them, with their `preferences.py`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.simulation import catalogue, tables
from newsletter_bandit.simulation.behaviour import RulesPolicy
from newsletter_bandit.simulation.crowd import Outcome
from newsletter_bandit.simulation.preferences import Preferences
from newsletter_bandit.simulation.users import Bools, Floats, Ints, Users, draw_users

_FIRST_HOUR, _HOURS = 6, 4  # newsletters leave from 6 to 10 o'clock UTC


class NewsletterCrowd:
    """See `crowd.Crowd`.

    Args:
      of_users: draws the readers.
      of_truth: draws their tastes.
      size: number of readers.
    """

    contents = catalogue.CONTENTS
    rules = RulesPolicy()
    # Counts, amounts and ages in days.
    long_tailed = frozenset(
        {"orders_last_year", "revenue_last_year", "sessions_last_month", "registered_on", "last_order_on"}
    )

    def __init__(self, of_users: np.random.Generator, of_truth: np.random.Generator, size: int) -> None:
        self._users: Users = draw_users(of_users, size)
        self._preferences = Preferences(of_truth)
        self.ids = tables.ids("user-", self._users.number)

    def seen(self, users: Ints) -> Users:
        """See `crowd.Crowd`; everything about a reader but the truth."""
        return self._users.take(users)

    def eligible(self, users: Ints) -> Bools:
        """See `crowd.Crowd`."""
        return self.seen(users).eligible()

    def sending_time(self, rng: np.random.Generator, users: Ints, day: Ints) -> tuple[Ints, Ints]:
        """See `crowd.Crowd`."""
        return np.arange(len(users)), tables.sorted_times(rng, day, _FIRST_HOUR, _HOURS)

    def click_probability(self, users: Ints, day: Ints) -> Floats:
        """See `crowd.Crowd`."""
        return self._preferences.click_probability(self.seen(users), day)

    def unsubscribe_probability(self, users: Ints) -> Floats:
        """See `crowd.Crowd`."""
        return self._preferences.unsubscribe_probability(self.seen(users))

    def outcome(self, name: str) -> Outcome:
        """Raises `SettingsError`: there is none."""
        raise SettingsError(f"world: found outcome {name}; allowed: none beside clicks and unsubscribes")

    def features(self, names: Sequence[str], users: Ints, day: Ints, epoch: dt.date) -> dict[str, pa.Array]:
        """See `crowd.Crowd`."""
        seen = self.seen(users)
        return {name: _feature(name, seen, day, epoch) for name in names}


def _feature(name: str, of: Users, day: Ints, epoch: dt.date) -> pa.Array:
    if name == "country":
        return tables.names(tuple(catalogue.COUNTRIES), of.country)
    if name == "language":
        return tables.names(catalogue.LANGUAGES, of.language)
    if name == "segment":
        return tables.names(catalogue.SEGMENTS, of.segment)
    if name == "top_category":
        return tables.names(catalogue.CATEGORIES, of.category)
    if name == "age":
        return pa.array(of.age, pa.float64(), mask=~of.age_known)
    if name == "has_app":
        return pa.array(of.has_app, pa.bool_(), mask=~of.has_app_known)
    if name == "registered_on":
        return tables.dates(-of.tenure, epoch)
    if name == "last_order_on":
        return tables.known_dates(day - np.nan_to_num(of.days_since_order(day)), of.ever_ordered, epoch)
    numbers: dict[str, Floats] = {
        "orders_last_year": of.orders,
        "revenue_last_year": of.revenue,
        "sessions_last_month": of.sessions,
        "discount_share": of.discount_share,
    }
    return pa.array(numbers[name], pa.float64())
