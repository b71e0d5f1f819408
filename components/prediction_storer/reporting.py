"""The page of the day: its evidence as one record, and the page that people read."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping
from itertools import accumulate

from absl import logging

from components.bulk_inferrer.groups import Groups
from components.prediction_storer.day_counts import DayCounts
from components.prediction_storer.first_slots import StoredRun
from newsletter_bandit.files import write_text
from newsletter_bandit.ranking_store import open_store
from newsletter_bandit.reports.prediction_day import PredictionDay, page
from newsletter_bandit.reports.prediction_day.evidence import (
    EarlierDay,
    FirstPlace,
    Group,
    Histogram,
    StoreAfter,
)
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore
from serving.stores.base import CorruptRankingError, StoreError

PAGE = "prediction_day.html"
_LARGEST_GROUPS = 24  # of a feature; the others are merged
_BARS = 16  # of the histogram, at most
_NICE = (1, 2, 5)  # a width of so many, times a power of ten


def write(day: PredictionDay, folder: str) -> None:
    """Writes the evidence, `prediction_day.json`, and the page, `prediction_day.html`, to ``folder``."""
    day.write(folder)
    write_text(os.path.join(folder, PAGE), page(day))


def first_places(found: DayCounts, width: float) -> tuple[FirstPlace, ...]:
    """Every recommender that is first for somebody, the most frequent one first.

    Args:
      found: the day's counts.
      width: of their bins of scores.
    """
    users = found.users
    rows = [
        FirstPlace(
            name,
            users[name],
            found.explored.get(name, 0),
            *(_quantile(found.scores[name], share, width) for share in (0.1, 0.5, 0.9)),
        )
        for name in users
    ]
    return tuple(sorted(rows, key=lambda row: (-row.users, row.recommender)))


def histogram(found: DayCounts, width: float) -> Histogram:
    """All scores of first places, in some few bins of a round width; arguments as of `first_places`."""
    every: dict[int, int] = {}
    for bins in found.scores.values():
        for place, users in bins.items():
            every[place] = every.get(place, 0) + users
    filled = [place for place, users in every.items() if users]
    low, high = min(filled), max(filled)
    # Bins per bar: 1, 2, 5, 10, ...
    merged = next(
        size
        for power in range(19)
        for size in (nice * 10**power for nice in _NICE)
        if high // size - low // size < _BARS
    )
    counts = [0] * (high // merged - low // merged + 1)
    for place, users in every.items():
        counts[place // merged - low // merged] += users
    return Histogram(low // merged * merged * width, merged * width, tuple(counts))


def groups(found: Groups, least: int) -> tuple[Group, ...]:
    """The groups of each feature, the largest first; those that are small, or very many, are merged into one.

    Args:
      found: users by feature, value and first recommender.
      least: users of a group that stands alone; a merged one has as many too, or there is none.
    """
    rows: list[Group] = []
    for feature, values in found.items():
        every = [Group(feature, value, 0, users) for value, users in values.items()]
        every.sort(key=lambda group: (-group.total, str(group.value)))
        alone = min(sum(group.total >= least for group in every), _LARGEST_GROUPS)
        # A rest that is too small would be known as the difference from all.
        while alone and 0 < sum(group.total for group in every[alone:]) < least:
            alone -= 1
        rest = every[alone:]
        rows += every[:alone]
        if sum(group.total for group in rest) >= least:
            rows.append(Group(feature, None, len(rest), _sum(group.users for group in rest)))
    return tuple(rows)


def earlier_day(found: StoredRun | None) -> EarlierDay | None:
    """The run as the evidence of a later day holds it."""
    if found is None:
        return None
    return EarlierDay(dt.date.fromisoformat(found.run_date), found.model_version, found.users)


def look_at(store: SQLiteStore | DatastoreStore, now: dt.datetime) -> StoreAfter | None:
    """What the store holds; None, and a line in the log, where it cannot be looked at."""
    try:
        opened = open_store(store)
        try:
            ages = opened.ages(now)
        finally:
            opened.close()
    except (StoreError, CorruptRankingError) as error:
        logging.warning("The store could not be looked at for the page of the day: %s", error)
        return None
    return None if ages is None else StoreAfter(ages.rankings, ages.expired, now)


def day_or_none(text: str) -> dt.date | None:
    """The day of a custom property; None where that is empty."""
    return dt.date.fromisoformat(text) if text else None


def options_to_text(options: str | None) -> str:
    """The command's options as the text in which they travel to the step; inverse of `options_of`."""
    return json.dumps(options)


def options_of(text: str) -> str | None:
    """The command's options; None where they are unknown."""
    found: str | None = json.loads(text)
    return found


def _quantile(bins: Mapping[int, int], share: float, width: float) -> float:
    """The score that ``share`` of the users have at most, as the middle of its bin."""
    places = sorted(bins)
    reached = accumulate(bins[place] for place in places)
    needed = share * sum(bins.values())
    return next(place + 0.5 for place, users in zip(places, reached, strict=True) if users >= needed) * width


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, users in part.items():
            total[name] = total.get(name, 0) + users
    return total
