"""The truth: how likely each user is to click, and to unsubscribe after a click, under each recommender.

Both are logistic in effects of user x recommender. Most are the same in every world (bargain hunters like
deals, a reminder to refill helps when a consumable runs out); the tastes of category groups and categories,
and the phases of the drift, are drawn from the world's seed.
"""

from __future__ import annotations

import numpy as np

from newsletter_bandit.simulation.catalogue import (
    CATEGORIES,
    CONSUMABLE_GROUPS,
    GROUPS,
    RECOMMENDERS,
    SEGMENTS,
)
from newsletter_bandit.simulation.users import Bools, Floats, Ints, Users

_K = len(RECOMMENDERS)
_COLUMN = {name: column for column, name in enumerate(RECOMMENDERS)}

# Click log-odds of an average user.
_CLICK = {
    "bestsellers": -2.72,
    "recently_viewed": -3.05,
    "deals": -2.85,
    "new_arrivals": -2.95,
    "bought_together": -3.00,
    "favourite_brands": -2.95,
    "favourite_category": -2.90,
    "top_rated": -2.90,
    "back_in_stock": -3.10,
    "refill": -3.20,
    "community_picks": -3.15,
    "clickbait_offers": -2.05,
}
_UNSUBSCRIBE, _UNSUBSCRIBE_CLICKBAIT = -4.0, -0.75  # log-odds after a click

# Click log-odds added by segment: new, occasional, bargain, regular, loyal, lapsed.
_BY_SEGMENT: dict[str, tuple[float, ...]] = {
    "bestsellers": (0.35, 0.15, -0.10, -0.10, -0.25, 0.10),
    "recently_viewed": (0.20, 0.00, 0.00, 0.15, -0.10, -0.40),
    "deals": (-0.20, 0.00, 0.45, -0.30, -0.45, 0.35),
    "new_arrivals": (-0.20, -0.20, -0.30, 0.25, 0.45, -0.30),
    "bought_together": (0.00, 0.00, 0.00, 0.25, 0.25, 0.00),
    "favourite_brands": (-0.40, -0.10, -0.30, 0.25, 0.50, 0.00),
    "favourite_category": (-0.30, 0.35, 0.00, 0.20, 0.00, 0.00),
    "top_rated": (0.55, 0.20, -0.10, -0.20, -0.30, 0.25),
    "back_in_stock": (-0.30, 0.00, 0.20, 0.00, 0.35, -0.20),
    "refill": (0.00, 0.00, 0.00, 0.20, 0.10, 0.00),
    "community_picks": (0.15, 0.00, 0.00, 0.00, 0.00, -0.20),
    "clickbait_offers": (0.20, 0.10, 0.25, -0.20, -0.45, 0.15),
}

_GROUP_SPREAD, _CATEGORY_SPREAD = 0.10, 0.06
_TASTES = (0.95, 0.20)  # log-odds by which each taste raises half of the recommenders and lowers the rest
_DRIFT_SPREAD = 0.12
_DRIFT_WEEKS = (18.0, 40.0)  # shortest and longest period


def _sigmoid(log_odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-log_odds))


def _signs(rng: np.random.Generator, count: int) -> Floats:
    """+1 and -1 in random order, as many of each as `count` allows."""
    return rng.permutation(np.where(np.arange(count) % 2 == 0, 1.0, -1.0))


class Preferences:
    """The truth of one world. All results have one column for each of catalogue.RECOMMENDERS."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draws the tastes that differ between worlds."""
        self._base = np.array([_CLICK[name] for name in RECOMMENDERS])
        self._segment = np.array([_BY_SEGMENT[name] for name in RECOMMENDERS]).T  # [S, K]
        self._group = rng.normal(0.0, _GROUP_SPREAD, (len(GROUPS), _K))
        # Two tastes that no additive model can express, shared by all recommenders: half of them gain from a
        # taste and half lose. `_group_style` is half +1, half -1.
        self._taste = np.array(_TASTES)[:, None] * np.stack([_signs(rng, _K), _signs(rng, _K)])  # [2, K]
        self._group_style = _signs(rng, len(GROUPS))
        self._category = rng.normal(0.0, _CATEGORY_SPREAD, (len(CATEGORIES), _K))
        self._drift_size = rng.normal(0.0, _DRIFT_SPREAD, (len(SEGMENTS), _K))
        self._drift_phase = rng.uniform(0.0, 2.0 * np.pi, (1, _K)) + rng.normal(0.0, 1.0, (len(SEGMENTS), _K))
        self._drift_period = 7.0 * rng.uniform(*_DRIFT_WEEKS, _K)  # days
        # Clickbait annoys everyone alike: its taste and drift stay those of the average.
        for table in (self._group, self._taste, self._category, self._drift_size):
            table[:, _COLUMN["clickbait_offers"]] *= 0.25

    def click_probability(self, users: Users, day: Ints) -> Floats:
        """P(click | user, recommender, day) [n, K]; `day` [n] counts from the epoch."""
        log_odds = (
            self._base
            + self._segment[users.segment]
            + self._group[users.group]
            + self._tastes(users) @ self._taste
            + self._category[users.category]
            + self._drift(users.segment, day)
        )
        log_odds += (0.22 * (np.log1p(users.sessions) - 1.7))[:, None]  # the curious click on anything
        self._add_behaviour(log_odds, users, day)
        return _sigmoid(log_odds)

    def unsubscribe_probability(self, users: Users) -> Floats:
        """P(unsubscribe | click, user, recommender) [n, K]."""
        weariness = (
            0.015 * (users.age - 42.0)
            + 0.4 * (users.segment == SEGMENTS.index("lapsed"))
            - 0.4 * (users.segment == SEGMENTS.index("loyal"))
            + 0.3 * (users.tenure < 120)
        )
        log_odds = np.repeat((_UNSUBSCRIBE + weariness)[:, None], _K, axis=1)
        log_odds[:, _COLUMN["clickbait_offers"]] = (
            _UNSUBSCRIBE_CLICKBAIT + weariness - 1.0 * (users.discount_share - 0.35)
        )
        log_odds[:, _COLUMN["deals"]] += 0.8 * (users.discount_share < 0.15)
        return _sigmoid(log_odds)

    def _tastes(self, users: Users) -> Floats:
        """Strength of each user's two tastes [n, 2], from -1 to 1."""
        frugal_elders = np.tanh(5.0 * (users.discount_share - 0.35)) * np.tanh(0.12 * (users.age - 42.0))
        style = np.where(users.has_app, 1.0, -1.0) * self._group_style[users.group]
        return np.stack([frugal_elders, style], axis=1)

    def _drift(self, segment: Ints, day: Ints) -> Floats:
        """Slow swing of the tastes [n, K]; the days in one call are few, so each is computed once."""
        days, code = np.unique(day, return_inverse=True)
        angle = 2.0 * np.pi * days[:, None, None] / self._drift_period + self._drift_phase
        swing: Floats = (self._drift_size * np.sin(angle))[code, segment]
        return swing

    @staticmethod
    def _add_behaviour(log_odds: Floats, users: Users, day: Ints) -> None:
        """Adds what follows from age, app, discounts, visits and orders to `log_odds` [n, K] in place."""

        def add(name: str, effect: Floats | Bools) -> None:
            log_odds[:, _COLUMN[name]] += effect

        decades = (users.age - 42.0) / 10.0
        visits = np.log1p(users.sessions) - 1.7
        orders = np.log1p(users.orders) - 1.3
        thrift = users.discount_share - 0.35
        since = np.nan_to_num(users.days_since_order(day), nan=1e4)
        young_with_app = (users.age < 32.0) & users.has_app
        consumable = np.isin(users.group, [GROUPS.index(name) for name in CONSUMABLE_GROUPS])

        add("bestsellers", -0.25 * visits)
        add("recently_viewed", 0.35 * visits + 0.3 * users.has_app)
        add("deals", 2.4 * thrift)
        add("new_arrivals", -0.20 * decades - 1.5 * thrift + 0.2 * users.has_app)
        add("bought_together", 1.3 * np.exp(-since / 15.0) - 0.25)
        add("favourite_brands", 1.0 * np.tanh(0.9 * orders) - 0.6 * thrift)
        add("favourite_category", -0.25 * np.abs(decades) + 0.2)
        add("top_rated", 0.28 * decades - 0.2 * visits)
        add("back_in_stock", 0.25 * visits + 0.8 * (users.revenue > 800.0))
        add("refill", 1.9 * consumable * np.exp(-(((since - 45.0) / 22.0) ** 2)) + 0.5 * consumable)
        add("community_picks", 1.2 * young_with_app - 0.10 * decades)
        add("clickbait_offers", 0.3 * thrift)
