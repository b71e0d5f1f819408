"""The people who receive the newsletter: a fixed population with dependent, skewed and partly missing
features.

Time runs in whole days since the world's first day, the epoch. Everything about a user stays the same except
the days since the last order: a customer with n orders in the last year orders about every 365 / n days.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from newsletter_bandit.simulation import catalogue

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# By segment, in the order of catalogue.SEGMENTS: new, occasional, bargain, regular, loyal, lapsed.
_SEGMENT_SHARE = np.array([0.14, 0.24, 0.18, 0.22, 0.12, 0.10])
_MEAN_ORDERS = np.array([1.0, 1.8, 5.0, 8.0, 20.0, 0.0])
_EVER_ORDERED = np.array([0.0, 0.7, 0.9, 1.0, 1.0, 1.0])  # among those without an order in the last year
_MEAN_SESSIONS = np.array([6.0, 3.0, 9.0, 8.0, 14.0, 0.8])
_MEAN_DISCOUNT = np.array([0.30, 0.28, 0.66, 0.24, 0.18, 0.35])
_MEAN_AGE = np.array([31.0, 41.0, 38.0, 43.0, 47.0, 49.0])
_AGE_UNKNOWN = np.array([0.28, 0.14, 0.10, 0.08, 0.05, 0.15])

# Log-odds of each category group per decade of age above 40, in the order of catalogue.GROUPS.
_GROUP_BASE = np.array([0.5, 0.0, 0.2, -0.1, 0.2, -0.3, -0.2, -0.4])
_GROUP_BY_AGE = np.array([-0.05, -0.55, -0.15, -0.20, 0.15, 0.45, 0.05, 0.20])


@dataclass(frozen=True, eq=False)
class Users:
    """Parallel arrays, one entry per user; codes index the tuples of `simulation.catalogue`.

    `age` and `has_app` are the truth for everyone; `age_known` and `has_app_known` say who told the shop.
    """

    number: Ints
    country: Ints
    language: Ints
    segment: Ints
    category: Ints
    age: Floats  # years, 18 to 90
    age_known: Bools
    orders: Floats  # in the last year
    revenue: Floats  # in the last year
    sessions: Floats  # in the last month
    discount_share: Floats  # 0 to 1
    tenure: Ints  # days from registration to the epoch, 1 or more
    ever_ordered: Bools
    order_gap: Ints  # days between orders; 0 where no order fell in the last year
    order_offset: Ints  # days from the last order to the epoch, not counting the day of the order
    has_app: Bools
    has_app_known: Bools

    def __len__(self) -> int:
        return len(self.number)

    def take(self, positions: Ints) -> Users:
        """The users at these positions, repeats allowed."""
        return Users(**{field.name: getattr(self, field.name)[positions] for field in fields(self)})

    @property
    def group(self) -> Ints:
        """Code of the category group."""
        codes: Ints = self.category // catalogue.CATEGORIES_PER_GROUP
        return codes

    def days_since_order(self, day: Ints) -> Floats:
        """Whole days from the last order to `day` [n], 1 or more; NaN for a user who never ordered."""
        repeating = (self.order_offset + day) % np.maximum(self.order_gap, 1) + 1
        days = np.where(self.order_gap > 0, repeating, self.order_offset + day + 1)
        return np.where(self.ever_ordered, np.minimum(days, self.tenure + day), np.nan)

    def eligible(self) -> Bools:
        """Mask of the catalogue.RECOMMENDERS that fit each user [n, 12]."""
        mask = np.ones((len(self), len(catalogue.RECOMMENDERS)), dtype=np.bool_)
        for column, name in enumerate(catalogue.RECOMMENDERS):
            if name in catalogue.NEEDS_AN_ORDER:
                mask[:, column] = self.ever_ordered
            elif name in catalogue.NEEDS_A_SESSION:
                mask[:, column] = self.sessions > 0
        return mask


def _choose(rng: np.random.Generator, weights: Floats) -> Ints:
    """One column per row of `weights` [n, m], drawn in proportion to them."""
    cumulative = np.cumsum(weights, axis=1)
    draws = rng.random(len(weights)) * cumulative[:, -1]
    columns: Ints = (draws[:, None] >= cumulative).sum(axis=1).astype(np.int64)
    return columns


def _negative_binomial(rng: np.random.Generator, mean: Floats, shape: float) -> Floats:
    """Poisson counts whose rate is Gamma distributed: variance mean + mean² / shape."""
    return rng.poisson(mean * rng.gamma(shape, 1.0 / shape, len(mean))).astype(np.float64)


def draw_users(rng: np.random.Generator, count: int) -> Users:
    """A population of `count` users; the same generator state gives the same users."""
    segment = rng.choice(len(catalogue.SEGMENTS), size=count, p=_SEGMENT_SHARE).astype(np.int64)
    country = rng.choice(len(catalogue.COUNTRIES), size=count, p=list(catalogue.COUNTRIES.values()))
    by_country = np.array([catalogue.LANGUAGE_GIVEN_COUNTRY[name] for name in catalogue.COUNTRIES])
    language = _choose(rng, by_country[country])

    age = np.clip(np.round(rng.normal(_MEAN_AGE[segment], 12.0)), 18.0, 90.0)
    has_app = rng.random(count) < 1.0 / (1.0 + np.exp(0.07 * (age - 42.0) - 0.4 * (segment == 4)))

    by_age = _GROUP_BASE + np.outer((age - 40.0) / 10.0, _GROUP_BY_AGE)
    group = _choose(rng, np.exp(by_age))
    popularity = 1.0 / np.arange(1, catalogue.CATEGORIES_PER_GROUP + 1) ** 1.1
    within = rng.choice(catalogue.CATEGORIES_PER_GROUP, size=count, p=popularity / popularity.sum())
    category = group * catalogue.CATEGORIES_PER_GROUP + within

    orders = _negative_binomial(rng, _MEAN_ORDERS[segment], shape=1.6)
    basket = rng.lognormal(4.0 + 0.15 * (country == 1) - 0.3 * (segment == 2), 0.8)
    sessions = _negative_binomial(rng, _MEAN_SESSIONS[segment] * np.where(has_app, 1.5, 0.9), shape=1.3)
    mean_discount = np.clip(_MEAN_DISCOUNT[segment] - 0.002 * (age - 40.0), 0.05, 0.95)
    discount_share = np.round(rng.beta(5.0 * mean_discount, 5.0 * (1.0 - mean_discount)), 3)

    long_ago = np.clip(rng.lognormal(np.log(1000.0), 0.8, count), 120.0, 6000.0)
    tenure = np.where(segment == 0, rng.integers(1, 120, count), long_ago).astype(np.int64)
    bought = orders > 0
    ever_ordered = bought | (rng.random(count) < _EVER_ORDERED[segment])
    pace = np.maximum(np.round(365.0 / np.maximum(orders, 1.0) * rng.uniform(0.8, 1.2, count)), 2.0)
    order_gap = np.where(bought, pace, 0.0).astype(np.int64)
    dormant = 365 + np.round(rng.lognormal(4.8, 0.9, count))
    phase = rng.random(count)
    order_offset = np.where(bought, np.floor(phase * pace), dormant).astype(np.int64)
    tenure = np.where(ever_ordered & ~bought, np.maximum(tenure, order_offset + 30), tenure)

    return Users(
        number=np.arange(count, dtype=np.int64),
        country=country.astype(np.int64),
        language=language,
        segment=segment,
        category=category.astype(np.int64),
        age=age,
        age_known=rng.random(count) >= _AGE_UNKNOWN[segment],
        orders=orders,
        revenue=np.round(orders * basket, 2),
        sessions=sessions,
        discount_share=discount_share,
        tenure=tenure,
        ever_ordered=ever_ordered,
        order_gap=order_gap,
        order_offset=order_offset,
        has_app=has_app,
        has_app_known=rng.random(count) >= 0.08,
    )
