"""The contents of the newsletter's world: its recommenders, features, segments, countries and categories."""

from __future__ import annotations

from newsletter_bandit.simulation.contents import Contents

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

CONTENTS = Contents(RECOMMENDERS, FEATURES, conditional=NEEDS_AN_ORDER | NEEDS_A_SESSION)
