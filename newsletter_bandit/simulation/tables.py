"""Columns of Arrow tables, as a use case's tables have them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from newsletter_bandit.simulation.users import Bools, Floats, Ints

ARROW_TYPE: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "ARRAY<STRING>": pa.list_(pa.string()),
}
_EPOCH = dt.date(1970, 1, 1)
MICROSECONDS_PER_HOUR = 3_600_000_000


def ids(prefix: str, numbers: Ints) -> pa.Array:
    """Prefix and number, such as `user-000123`, for each number."""
    return pa.array([f"{prefix}{number:06d}" for number in numbers.tolist()], pa.string())


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
    first = (epoch - _EPOCH).days * 24 * MICROSECONDS_PER_HOUR
    return pa.array(first + microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def dates(day: Ints, epoch: dt.date) -> pa.Array:
    """The date of each day since `epoch`."""
    return known_dates(day, np.ones(len(day), dtype=np.bool_), epoch)


def known_dates(day: Ints | Floats, known: Bools, epoch: dt.date) -> pa.Array:
    """The same, NULL where it is not known."""
    days = (epoch - _EPOCH).days + day
    return pa.array(days.astype(np.int32), pa.int32(), mask=~known).cast(pa.date32())


def sorted_times(rng: np.random.Generator, day: Ints, first_hour: int, hours: int) -> Ints:
    """A time within `hours` of each day, in microseconds since the epoch; `day` is ascending."""
    within = rng.integers(0, hours * MICROSECONDS_PER_HOUR, len(day))
    return np.sort((24 * day + first_hour) * MICROSECONDS_PER_HOUR + within)
