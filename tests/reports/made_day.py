"""Evidence of made-up prediction days, each as one change of a day on which all is well."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from newsletter_bandit.reports.prediction_day import PredictionDay, StepTime, Took
from newsletter_bandit.reports.prediction_day.evidence import (
    EarlierDay,
    FirstPlace,
    Group,
    Histogram,
    StoreAfter,
)
from tests.reports.made import NAMES, SECOND
from tests.tiny import make_use_case

DAY = dt.date(2026, 11, 26)
TOOK = Took(75.4, (StepTime("DuckDBExampleGen", 3.2), StepTime("BulkInferrer", 12.0)))


def day(**changes: Any) -> PredictionDay:
    """A day with 10,000 users, of which half get the first name first; on the day before it was 48%."""
    first = tuple(
        FirstPlace(name, users, explored, median - 0.01, median, median + 0.02)
        for name, users, explored, median in zip(
            NAMES, (5000, 3000, 2000), (100, 200, 300), (0.05, 0.04, 0.03), strict=True
        )
    )
    found = PredictionDay(
        use_case=make_use_case(recommenders=list(NAMES), default_ranking=[NAMES[0]]),
        run_date=DAY,
        model_version=SECOND,
        trained_until=dt.date(2026, 11, 8),
        snapshot=dt.date(2026, 11, 25),
        expires_at=dt.datetime(2026, 12, 4, tzinfo=dt.UTC),
        rows=10_000,
        rejected={},
        first=first,
        rankings=6,
        scores=Histogram(0.0, 0.02, (2000, 3000, 5000)),
        before=EarlierDay(dt.date(2026, 11, 25), SECOND, dict(zip(NAMES, (4800, 3150, 2050), strict=True))),
        store=StoreAfter(10_700, 200, dt.datetime(2026, 11, 26, 6, tzinfo=dt.UTC)),
        groups=(
            Group("colour", "red & <i>hot</i>", 0, {NAMES[0]: 4000, NAMES[1]: 1000}),
            Group("colour", "", 0, {NAMES[2]: 2000}),
            Group("colour", None, 12, {NAMES[0]: 1000, NAMES[1]: 2000}),
        ),
        options="",
    )
    return replace(found, **changes)


def shifted() -> PredictionDay:
    """Another model ranks, and 46% of the users get another first recommender."""
    users = dict(zip(NAMES, (400, 4600, 5000), strict=True))
    return day(before=EarlierDay(dt.date(2026, 11, 25), "20261102T101500Z-11111111", users))


def with_refusals() -> PredictionDay:
    """A few rows were refused, nearly as many as are allowed."""
    rejected = {"duplicate_user_id": 2, "missing_user_id": 7, "of_tomorrow": 1}
    found = day(rows=10_010, rejected=rejected)
    storing = found.use_case.storing.model_copy(update={"max_rejected_share": 0.00105})
    return replace(found, use_case=found.use_case.model_copy(update={"storing": storing}))


def stale() -> PredictionDay:
    """A third of the rankings that are served are older than the day."""
    return day(store=StoreAfter(15_000, 0, dt.datetime(2026, 11, 26, 6, tzinfo=dt.UTC)))


def long_ago() -> PredictionDay:
    """The day lies so far back that its rankings had expired before they were stored."""
    return day(store=StoreAfter(10_000, 10_000, dt.datetime(2027, 1, 1, tzinfo=dt.UTC)))
