"""The stored ranking: the one record that the batch pipeline writes and the endpoint reads."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Datastore's limit for a key's name, in bytes of UTF-8, and the names it keeps for itself.
MAX_USER_ID_BYTES = 1500
_RESERVED_NAME = re.compile(r"__.*__", re.DOTALL)

# Properties that no query needs; only a clean-up asks for `expires_at`.
UNINDEXED_PROPERTIES = (
    "recommenders",
    "scores",
    "propensities",
    "explored",
    "campaign",
    "model_version",
    "generated_at",
)


class RankingError(ValueError):
    """A record that breaks the contract.

    Args:
      reason: stable identifier of the broken rule, e.g. ``score_not_finite``.
      message: what was found and what is allowed.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


def check_user_id(user_id: str) -> None:
    """Raises `RankingError` unless ``user_id`` can be the name of a Datastore key."""
    if not user_id:
        raise RankingError("missing_user_id", "user_id is empty; allowed: 1 to 1500 bytes")
    try:
        size = len(user_id.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise RankingError("invalid_user_id", "user_id holds a lone surrogate; allowed: UTF-8") from error
    if size > MAX_USER_ID_BYTES:
        raise RankingError(
            "invalid_user_id", f"user_id has {size} bytes of UTF-8; allowed: at most {MAX_USER_ID_BYTES}"
        )
    if _RESERVED_NAME.fullmatch(user_id):
        raise RankingError(
            "invalid_user_id", f"user_id is {user_id!r}; names like __this__ are reserved by Datastore"
        )


@dataclass(frozen=True, slots=True)
class Ranking:
    """One user's ranking.

    Attributes:
      user_id: 1 to 1500 bytes of UTF-8.
      recommenders: eligible recommenders, best first, none twice; at least one.
      scores: estimated reward of each ranked recommender, finite.
      propensities: pi(a_j | x, a_1..a_{j-1}) of each slot, in (0, 1].
      explored: whether the first slot was drawn by exploration and differs from the greedy choice.
      campaign: newsletter the ranking was made for.
      model_version: version in the registry that made it.
      generated_at: start of the day it was made for, UTC.
      expires_at: when it stops being served, UTC, after `generated_at`.

    Raises:
      RankingError: a field breaks these rules.
    """

    user_id: str
    recommenders: tuple[str, ...]
    scores: tuple[float, ...]
    propensities: tuple[float, ...]
    explored: bool
    campaign: str
    model_version: str
    generated_at: dt.datetime
    expires_at: dt.datetime

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        self._check_slots()
        for name in ("generated_at", "expires_at"):
            moment: dt.datetime = getattr(self, name)
            if moment.tzinfo is None or moment.utcoffset() is None:
                raise RankingError("naive_timestamp", f"{name} is {moment}; allowed: a time with its zone")
            object.__setattr__(self, name, _plain_utc(moment))
        if self.expires_at <= self.generated_at:
            raise RankingError(
                "expires_too_early",
                f"expires_at is {self.expires_at}; allowed: after generated_at {self.generated_at}",
            )

    def _check_slots(self) -> None:
        if not self.recommenders:
            raise RankingError("no_eligible_recommender", "recommenders is empty; allowed: one or more")
        if "" in self.recommenders:
            raise RankingError("unnamed_recommender", "a recommender has no name; allowed: names")
        if len(set(self.recommenders)) != len(self.recommenders):
            repeated = sorted({name for name in self.recommenders if self.recommenders.count(name) > 1})
            raise RankingError(
                "repeated_recommender", f"recommenders: {', '.join(repeated)} named twice; allowed: once"
            )
        sizes = (len(self.recommenders), len(self.scores), len(self.propensities))
        if len(set(sizes)) != 1:
            raise RankingError(
                "unequal_lengths",
                f"found {sizes[0]} recommenders, {sizes[1]} scores, {sizes[2]} propensities; allowed: as many of each",
            )
        if not all(map(math.isfinite, self.scores)):
            name, score = next(
                slot
                for slot in zip(self.recommenders, self.scores, strict=True)
                if not math.isfinite(slot[1])
            )
            raise RankingError("score_not_finite", f"score of {name} is {score}; allowed: finite numbers")
        for slot, propensity in enumerate(self.propensities):
            if not 0.0 < propensity <= 1.0:
                raise RankingError(
                    "propensity_out_of_range",
                    f"propensity of {self.recommenders[slot]} is {propensity}; allowed: above 0, at most 1",
                )

    def expired(self, now: dt.datetime) -> bool:
        """True if the ranking may no longer be served at ``now``."""
        return self.expires_at <= now

    def to_json_dict(self) -> dict[str, Any]:
        """The fields as JSON values; timestamps in RFC 3339."""
        return {
            "user_id": self.user_id,
            "recommenders": list(self.recommenders),
            "scores": list(self.scores),
            "propensities": list(self.propensities),
            "explored": self.explored,
            "campaign": self.campaign,
            "model_version": self.model_version,
            "generated_at": format_timestamp(self.generated_at),
            "expires_at": format_timestamp(self.expires_at),
        }

    @classmethod
    def from_json_dict(cls, record: Mapping[str, Any]) -> Ranking:
        """Inverse of `to_json_dict`; raises `RankingError` for a missing field or a wrong type."""
        fields = dict(record)
        for name in ("generated_at", "expires_at"):
            try:
                fields[name] = dt.datetime.fromisoformat(fields[name])
            except (KeyError, TypeError, ValueError) as error:
                raise RankingError(
                    "malformed", f"{name} is {record.get(name)!r}; allowed: an RFC 3339 time"
                ) from error
        user_id = fields.pop("user_id", None)
        if not isinstance(user_id, str):
            raise RankingError("malformed", f"user_id is {user_id!r}; allowed: a string")
        return cls.from_properties(user_id, fields)

    def to_properties(self) -> dict[str, Any]:
        """Properties of the Datastore entity whose key's name is the user_id."""
        return {
            "recommenders": list(self.recommenders),
            "scores": list(self.scores),
            "propensities": list(self.propensities),
            "explored": self.explored,
            "campaign": self.campaign,
            "model_version": self.model_version,
            "generated_at": self.generated_at,
            "expires_at": self.expires_at,
        }

    @classmethod
    def from_properties(cls, user_id: str, properties: Mapping[str, Any]) -> Ranking:
        """Inverse of `to_properties`; raises `RankingError` for a missing field or a wrong type."""

        def of_type(name: str, kind: type) -> Any:
            value = properties.get(name)
            if not isinstance(value, kind):
                raise RankingError("malformed", f"{name} is {value!r}; allowed: {kind.__name__}")
            return value

        def items(name: str, *kinds: type) -> tuple[Any, ...]:
            values = of_type(name, list)
            # The types alone are quick to look at, and settle it for every record but a broken one.
            if not set(map(type, values)).issubset(kinds) and not all(
                isinstance(value, kinds) and not isinstance(value, bool) for value in values
            ):
                raise RankingError(
                    "malformed", f"{name} is {values!r}; allowed: a list of {kinds[0].__name__}"
                )
            return tuple(values)

        return cls(
            user_id=user_id,
            recommenders=items("recommenders", str),
            scores=tuple(map(float, items("scores", float, int))),
            propensities=tuple(map(float, items("propensities", float, int))),
            explored=of_type("explored", bool),
            campaign=of_type("campaign", str),
            model_version=of_type("model_version", str),
            generated_at=of_type("generated_at", dt.datetime),
            expires_at=of_type("expires_at", dt.datetime),
        )


def format_timestamp(moment: dt.datetime) -> str:
    """RFC 3339 in UTC, e.g. ``2026-03-01T00:00:00Z``."""
    utc = moment if moment.tzinfo is dt.UTC else moment.astimezone(dt.UTC)
    return utc.isoformat().replace("+00:00", "Z")


def _plain_utc(moment: dt.datetime) -> dt.datetime:
    # Datastore's client hands out a subclass with nanoseconds: records must compare equal all the same.
    if type(moment) is dt.datetime and moment.tzinfo is dt.UTC:
        return moment
    utc = moment.astimezone(dt.UTC)
    return dt.datetime(
        utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=dt.UTC
    )
