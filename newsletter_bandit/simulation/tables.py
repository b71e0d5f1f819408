"""Users and newsletters as Arrow tables, column by column as the use case's tables name them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from newsletter_bandit.simulation import catalogue
from newsletter_bandit.simulation.users import Bools, Floats, Ints, Users

ARROW_TYPE: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "ARRAY<STRING>": pa.list_(pa.string()),
}
_EPOCH = dt.date(1970, 1, 1)


def user_ids(numbers: Ints) -> pa.Array:
    """`user-000123` for each number."""
    return pa.array([f"user-{number:06d}" for number in numbers.tolist()], pa.string())


def feature_column(name: str, users: Users, day: Ints, epoch: dt.date) -> pa.Array:
    """Feature `name` of each user as the shop knows it on `day` [n], days since `epoch`; unknown is NULL."""
    first = (epoch - _EPOCH).days
    if name == "country":
        return names(tuple(catalogue.COUNTRIES), users.country)
    if name == "language":
        return names(catalogue.LANGUAGES, users.language)
    if name == "segment":
        return names(catalogue.SEGMENTS, users.segment)
    if name == "top_category":
        return names(catalogue.CATEGORIES, users.category)
    if name == "age":
        return pa.array(users.age, pa.float64(), mask=~users.age_known)
    if name == "has_app":
        return pa.array(users.has_app, pa.bool_(), mask=~users.has_app_known)
    if name == "registered_on":
        return _dates(first - users.tenure, np.ones(len(users), dtype=np.bool_))
    if name == "last_order_on":
        since = users.days_since_order(day)
        return _dates(first + day - np.nan_to_num(since), users.ever_ordered)
    numbers: dict[str, Floats] = {
        "orders_last_year": users.orders,
        "revenue_last_year": users.revenue,
        "sessions_last_month": users.sessions,
        "discount_share": users.discount_share,
    }
    return pa.array(numbers[name], pa.float64())


def names(values: Sequence[str], codes: Ints) -> pa.Array:
    """The string at each code."""
    return pa.array(values, pa.string()).take(pa.array(codes))


def eligible_lists(recommenders: Sequence[str], eligible: Bools) -> pa.Array:
    """The names eligible for each user; NULL where `eligible` [n, K] is true throughout."""
    bits = eligible @ (1 << np.arange(len(recommenders), dtype=np.int64))
    # Few different rows exist, so each list is built once.
    _, where, codes = np.unique(bits, return_index=True, return_inverse=True)
    lists = [
        None if row.all() else [name for name, fits in zip(recommenders, row, strict=True) if fits]
        for row in eligible[where]
    ]
    return pa.array(lists, pa.list_(pa.string())).take(pa.array(codes))


def campaigns(day: Ints, epoch: dt.date) -> pa.Array:
    """ISO year and week of each day, such as `2026-W45`."""
    days, codes = np.unique(day, return_inverse=True)
    return names([campaign(epoch + dt.timedelta(days=int(d))) for d in days], codes)


def campaign(date: dt.date) -> str:
    """ISO year and week, such as `2026-W45`."""
    year, week, _ = date.isocalendar()
    return f"{year}-W{week:02d}"


def timestamps(microseconds: Ints, epoch: dt.date) -> pa.Array:
    """UTC timestamps from microseconds since midnight of `epoch`."""
    first = (epoch - _EPOCH).days * 86_400_000_000
    return pa.array(first + microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def dates(day: Ints, epoch: dt.date) -> pa.Array:
    """The date of each day since `epoch`."""
    return _dates((epoch - _EPOCH).days + day, np.ones(len(day), dtype=np.bool_))


def _dates(days: Ints | Floats, known: Bools) -> pa.Array:
    return pa.array(days.astype(np.int32), pa.int32(), mask=~known).cast(pa.date32())
