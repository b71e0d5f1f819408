"""The contents of the simulated world: its recommenders, features, segments, countries and categories.

A use case may name any part of the recommenders and features, in any order; `check` refuses the rest.
"""

from __future__ import annotations

from typing import Any

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.use_case import UseCase

RECOMMENDERS: tuple[str, ...] = (
    "bestsellers",
    "recently_viewed",
    "deals",
    "new_arrivals",
    "bought_together",
    "favourite_brands",
    "favourite_category",
    "top_rated",
    "back_in_stock",
    "refill",
    "community_picks",
    "clickbait_offers",
)

# Feature name -> type, in the words of the settings.
FEATURES: dict[str, str] = {
    "country": "string",
    "language": "string",
    "segment": "string",
    "top_category": "string",
    "age": "number",
    "orders_last_year": "number",
    "revenue_last_year": "number",
    "sessions_last_month": "number",
    "discount_share": "number",
    "registered_on": "date",
    "last_order_on": "date",
    "has_app": "bool",
}

# These need a past order, and those a visit in the last month; every other recommender fits everyone.
NEEDS_AN_ORDER = frozenset({"bought_together", "favourite_brands", "refill"})
NEEDS_A_SESSION = frozenset({"recently_viewed", "back_in_stock"})

SEGMENTS: tuple[str, ...] = ("new", "occasional", "bargain", "regular", "loyal", "lapsed")

COUNTRIES: dict[str, float] = {
    "DE": 0.40,
    "CH": 0.20,
    "FR": 0.13,
    "AT": 0.10,
    "IT": 0.07,
    "NL": 0.05,
    "BE": 0.04,
    "LU": 0.01,
}
LANGUAGES: tuple[str, ...] = ("de", "fr", "it", "nl", "en")
# P(language | country), in the order of LANGUAGES.
LANGUAGE_GIVEN_COUNTRY: dict[str, tuple[float, ...]] = {
    "DE": (0.94, 0.00, 0.00, 0.00, 0.06),
    "CH": (0.62, 0.22, 0.08, 0.00, 0.08),
    "FR": (0.02, 0.94, 0.00, 0.00, 0.04),
    "AT": (0.95, 0.00, 0.00, 0.00, 0.05),
    "IT": (0.04, 0.00, 0.93, 0.00, 0.03),
    "NL": (0.00, 0.00, 0.00, 0.88, 0.12),
    "BE": (0.01, 0.38, 0.00, 0.54, 0.07),
    "LU": (0.25, 0.60, 0.00, 0.00, 0.15),
}

GROUPS: tuple[str, ...] = (
    "electronics",
    "gaming",
    "fashion",
    "sports",
    "home",
    "garden",
    "beauty",
    "pets",
)
# Bought again and again, so that a reminder to refill makes sense.
CONSUMABLE_GROUPS: tuple[str, ...] = ("beauty", "pets")
CATEGORIES_PER_GROUP = 22
CATEGORIES: tuple[str, ...] = tuple(
    f"{group}-{number:02d}" for group in GROUPS for number in range(1, CATEGORIES_PER_GROUP + 1)
)


def check_recommenders(recommenders: tuple[str, ...], where: str) -> None:
    """Raises `SettingsError` unless the world knows each recommender and every user is eligible for one."""
    unknown = [name for name in recommenders if name not in RECOMMENDERS]
    if unknown:
        raise SettingsError(
            f"{where}: recommenders: the simulated world does not know {unknown}; allowed: "
            f"{list(RECOMMENDERS)}"
        )
    needy = NEEDS_AN_ORDER | NEEDS_A_SESSION
    if all(name in needy for name in recommenders):
        raise SettingsError(
            f"{where}: recommenders: found {list(recommenders)}, which some users are all ineligible for; "
            f"allowed: at least one of {[name for name in RECOMMENDERS if name not in needy]}"
        )


def check_features(features: dict[str, str] | tuple[str, ...], where: str) -> None:
    """Raises `SettingsError` unless the world knows each feature, with the same type if one is given."""
    unknown = [name for name in features if name not in FEATURES]
    if unknown:
        raise SettingsError(
            f"{where}: features: the simulated world does not know {unknown}; allowed: {list(FEATURES)}"
        )
    types: dict[str, Any] = features if isinstance(features, dict) else {}
    for name, found in types.items():
        if found != FEATURES[name]:
            raise SettingsError(
                f"{where}: features.{name}: found type {found}; the simulated world has type {FEATURES[name]}"
            )


def check(use_case: UseCase) -> None:
    """Raises `SettingsError` if the world cannot play this use case, naming what it does not know."""
    where = f"use case {use_case.name}"
    check_recommenders(use_case.recommenders, where)
    check_features({name: feature.type for name, feature in use_case.features.items()}, where)
    if use_case.reward.outcomes:
        raise SettingsError(
            f"{where}: reward: the simulated world does not know {list(use_case.reward.outcomes)}; allowed: "
            "terms clicked and unsubscribed"
        )
