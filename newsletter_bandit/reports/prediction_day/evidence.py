"""`prediction_day.json`: all that the page of one prediction day is made of.

It holds counts and shares, never a user's id or ranking.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.record import Record
from newsletter_bandit.settings.use_case import UseCase


@dataclass(frozen=True)
class FirstPlace:
    """One recommender in the first place.

    Attributes:
      recommender: its name.
      users: users who have it first.
      explored: those of them for whom it is an exploring choice, and not the best estimate.
      low, median, high: its score where it is first, in units of reward: for a tenth of its users it is at
        most the first, for a tenth at least the last.
    """

    recommender: str
    users: int
    explored: int
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Histogram:
    """Users by the score of their first recommender.

    Attributes:
      start: lower end of the first bin, in units of reward.
      width: of each bin, more than 0.
      users: per bin.
    """

    start: float
    width: float
    users: tuple[int, ...]


@dataclass(frozen=True)
class EarlierDay:
    """The last prediction for an earlier day: its day, its model, and users by their first recommender."""

    run_date: dt.date
    model_version: str
    users: Mapping[str, int]


@dataclass(frozen=True)
class StoreAfter:
    """The store of rankings right after the run.

    Attributes:
      rankings: all of them.
      expired: those that are not served any more.
      looked_at: when they were counted, UTC.
    """

    rankings: int
    expired: int
    looked_at: dt.datetime


@dataclass(frozen=True)
class Group:
    """Users with one value of a feature, by first recommender.

    Attributes:
      feature: its name.
      value: the value; "" where it is missing. None for smaller groups that were merged.
      merged: how many groups that are; 0 where nothing was merged.
      users: by first recommender.
    """

    feature: str
    value: str | None
    merged: int
    users: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of its users."""
        return sum(self.users.values())


@dataclass(frozen=True)
class PredictionDay(Record):
    """What is known of one batch prediction that stored its rankings.

    Attributes:
      use_case: the settings that it ran with.
      run_date: day that the rankings are made for.
      model_version: the version that ranked.
      trained_until: last day of the newsletters that it learned from; None where it is unknown.
      snapshot: day whose users the inference table held; None where it does not say.
      expires_at: when the first of the rankings expires, UTC.
      rows: of predictions, refused ones included.
      rejected: rows that were refused, by reason.
      first: every recommender that is first for somebody, the most frequent one first.
      rankings: number of different rankings; an estimate where there are more than 1,024.
      scores: of the first places.
      before: the last prediction for an earlier day; None where none is known.
      store: the store after the run; None where it could not be looked at.
      groups: users by group, counted before rows were refused; none where the use case has no `slices`.
      options: options of the command that predicted, as a command of the page needs them; None where unknown.
    """

    FILE = "prediction_day.json"

    use_case: UseCase
    run_date: dt.date
    model_version: str
    trained_until: dt.date | None
    snapshot: dt.date | None
    expires_at: dt.datetime
    rows: int
    rejected: Mapping[str, int]
    first: tuple[FirstPlace, ...]
    rankings: int
    scores: Histogram
    before: EarlierDay | None
    store: StoreAfter | None
    groups: tuple[Group, ...] = ()
    options: str | None = None

    @property
    def users(self) -> int:
        """Users who have a ranking of this day, at least one."""
        return sum(place.users for place in self.first)

    @property
    def refused(self) -> int:
        """All refused rows."""
        return sum(self.rejected.values())

    @classmethod
    def of(cls, fields: Fields) -> PredictionDay:
        """The day that a file's fields hold.

        Raises:
          DataError: a field is missing or of another kind.
          SettingsError: the use case has settings that this version does not know.
        """
        scores = fields.object("scores")
        return cls(
            use_case=UseCase.from_json(json.dumps(fields.object("use_case").content)),
            run_date=_day(fields, "run_date"),
            model_version=fields.text("model_version"),
            trained_until=fields.optional("trained_until", lambda name: _day(fields, name)),
            snapshot=fields.optional("snapshot", lambda name: _day(fields, name)),
            expires_at=_moment(fields, "expires_at"),
            rows=fields.whole("rows"),
            rejected=_counts(fields.object("rejected")),
            first=tuple(
                FirstPlace(
                    one.text("recommender"),
                    one.whole("users"),
                    one.whole("explored"),
                    *(one.number(name) for name in ("low", "median", "high")),
                )
                for one in fields.objects("first")
            ),
            rankings=fields.whole("rankings"),
            scores=Histogram(scores.number("start"), scores.number("width"), scores.wholes("users")),
            before=fields.optional("before", lambda name: _earlier(fields.object(name))),
            store=fields.optional("store", lambda name: _store(fields.object(name))),
            groups=tuple(
                Group(
                    one.text("feature"),
                    one.optional("value", one.text),
                    one.whole("merged"),
                    _counts(one.object("users")),
                )
                for one in fields.objects("groups")
            ),
            options=fields.optional("options", fields.text),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        before, store = self.before, self.store
        return {
            "use_case": json.loads(self.use_case.to_json()),
            "run_date": self.run_date.isoformat(),
            "model_version": self.model_version,
            "trained_until": None if self.trained_until is None else self.trained_until.isoformat(),
            "snapshot": None if self.snapshot is None else self.snapshot.isoformat(),
            "expires_at": self.expires_at.isoformat(),
            "rows": self.rows,
            "rejected": dict(self.rejected),
            "first": [
                {
                    "recommender": one.recommender,
                    "users": one.users,
                    "explored": one.explored,
                    "low": one.low,
                    "median": one.median,
                    "high": one.high,
                }
                for one in self.first
            ],
            "rankings": self.rankings,
            "scores": {
                "start": self.scores.start,
                "width": self.scores.width,
                "users": list(self.scores.users),
            },
            "before": None
            if before is None
            else {
                "run_date": before.run_date.isoformat(),
                "model_version": before.model_version,
                "users": dict(before.users),
            },
            "store": None
            if store is None
            else {
                "rankings": store.rankings,
                "expired": store.expired,
                "looked_at": store.looked_at.isoformat(),
            },
            "groups": [
                {
                    "feature": one.feature,
                    "value": one.value,
                    "merged": one.merged,
                    "users": dict(one.users),
                }
                for one in self.groups
            ],
            "options": self.options,
        }


def _earlier(fields: Fields) -> EarlierDay:
    return EarlierDay(_day(fields, "run_date"), fields.text("model_version"), _counts(fields.object("users")))


def _store(fields: Fields) -> StoreAfter:
    return StoreAfter(fields.whole("rankings"), fields.whole("expired"), _moment(fields, "looked_at"))


def _counts(fields: Fields) -> dict[str, int]:
    return {name: fields.whole(name) for name in fields.content}


def _day(fields: Fields, name: str) -> dt.date:
    text = fields.text(name)
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise DataError(f"{fields.source}: {name} is {text!r}; allowed: a day, YYYY-MM-DD") from None


def _moment(fields: Fields, name: str) -> dt.datetime:
    text = fields.text(name)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise DataError(f"{fields.source}: {name} is {text!r}; allowed: a time with its zone, ISO 8601")
    return found
