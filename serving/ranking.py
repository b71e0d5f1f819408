"""The stored ranking: the one record that the batch pipeline writes and the endpoint reads."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .checksum import CHECKSUM, checksum
from .fields import INDEXED, ColumnType, Field, fields_of
from .propensity import is_propensity

# Datastore's limit on the name of a key, in bytes of UTF-8, and the names that it reserves.
MAX_USER_ID_BYTES = 1500
_RESERVED_NAME = re.compile(r"__.*__", re.DOTALL)


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
    """One user's ranking. The stores' columns, the checks and the endpoint's answer derive from these fields.

    The first field is the key. A list has one value per slot. Only `expires_at` is indexed, for clean-ups.

    Attributes:
      user_id: 1 to 1500 bytes of UTF-8.
      recommenders: eligible recommenders, best first, none twice; at least one.
      scores: estimated reward of each ranked recommender, finite.
      propensities: pi(a_j | x, a_1..a_{j-1}) of each slot, in (0, 1].
      explored: whether the first slot was drawn by exploration and differs from the greedy choice.
      campaign: newsletter the ranking was made for.
      use_case: use case that it was made for; an endpoint of another use case does not serve it.
      model_version: registry version of the model that made it.
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
    use_case: str
    model_version: str
    generated_at: dt.datetime
    expires_at: dt.datetime = field(metadata=INDEXED)

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        self._check_slots()
        for name in _TIMES:
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
        check_lengths({name: len(getattr(self, name)) for name in _LISTS})
        if not all(map(math.isfinite, self.scores)):
            name, score = next(
                slot
                for slot in zip(self.recommenders, self.scores, strict=True)
                if not math.isfinite(slot[1])
            )
            raise RankingError("score_not_finite", f"score of {name} is {score}; allowed: finite numbers")
        wrong = [
            slot
            for slot in zip(self.recommenders, self.propensities, strict=True)
            if not is_propensity(slot[1])
        ]
        if wrong:
            name, propensity = wrong[0]
            raise RankingError(
                "propensity_out_of_range",
                f"propensity of {name} is {propensity}; allowed: above 0, at most 1",
            )

    def expired(self, now: dt.datetime) -> bool:
        """True if the ranking may no longer be served at ``now``."""
        return self.expires_at <= now

    def to_json_dict(self) -> dict[str, Any]:
        """The fields as JSON values; timestamps in RFC 3339."""
        record = {each.name: getattr(self, each.name) for each in FIELDS}
        for name in _LISTS:
            record[name] = list(record[name])
        for name in _TIMES:
            record[name] = format_timestamp(record[name])
        return record

    @classmethod
    def from_json_dict(cls, record: Mapping[str, Any]) -> Ranking:
        """Inverse of `to_json_dict`; raises `RankingError` for a missing field or a wrong type."""
        values = dict(record)
        for name in _TIMES:
            try:
                values[name] = dt.datetime.fromisoformat(values[name])
            except (KeyError, TypeError, ValueError) as error:
                raise RankingError(
                    "malformed", f"{name} is {record.get(name)!r}; allowed: an RFC 3339 time"
                ) from error
        user_id = values.pop("user_id", None)
        if not isinstance(user_id, str):
            raise RankingError("malformed", f"user_id is {user_id!r}; allowed: a string")
        return cls.from_properties(user_id, values)

    def to_properties(self) -> dict[str, Any]:
        """Properties of the Datastore entity whose key's name is the user_id, its checksum among them."""
        properties = {each.name: getattr(self, each.name) for each in PROPERTIES}
        for name in _LISTS:
            properties[name] = list(properties[name])
        properties[CHECKSUM] = self._checksum()
        return properties

    @classmethod
    def from_properties(cls, user_id: str, properties: Mapping[str, Any]) -> Ranking:
        """Inverse of `to_properties`; raises `RankingError` for a missing field or a wrong type, or if the
        checksum does not fit. Properties of an earlier version have none.
        """
        ranking = cls(user_id, *[_from_property(each, properties.get(each.name)) for each in PROPERTIES])
        stored = properties.get(CHECKSUM)
        if stored is not None and stored != ranking._checksum():
            raise RankingError("wrong_checksum", "its checksum is not that of its values")
        return ranking

    def _checksum(self) -> str:
        return checksum(getattr(self, each.name) for each in FIELDS)


FIELDS = fields_of(Ranking)
PROPERTIES = FIELDS[1:]
UNINDEXED_PROPERTIES = (*(each.name for each in PROPERTIES if not each.indexed), CHECKSUM)
_LISTS = tuple(each.name for each in FIELDS if each.is_list)
_TIMES = tuple(each.name for each in FIELDS if each.type == "TIMESTAMP")

_PROPERTY_TYPE: dict[ColumnType, type] = {
    "STRING": str,
    "BOOL": bool,
    "TIMESTAMP": dt.datetime,
    "ARRAY<STRING>": list,
    "ARRAY<FLOAT64>": list,
}
# The first is named in errors.
_ITEM_TYPES: dict[ColumnType, tuple[type, ...]] = {"ARRAY<STRING>": (str,), "ARRAY<FLOAT64>": (float, int)}


def check_lengths(lengths: Mapping[str, int]) -> None:
    """Raises `RankingError` unless the lists, name -> length, have one value per slot each."""
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise RankingError("unequal_lengths", f"found {found}; allowed: as many of each")


def _from_property(column: Field, value: Any) -> Any:
    kind: Any = _PROPERTY_TYPE[column.type]
    if not isinstance(value, kind):
        raise RankingError("malformed", f"{column.name} is {value!r}; allowed: {kind.__name__}")
    if not column.is_list:
        return value
    kinds = _ITEM_TYPES[column.type]
    # The types alone are quick to look at, and settle it for every record but a broken one.
    if not set(map(type, value)).issubset(kinds) and not all(
        isinstance(item, kinds) and not isinstance(item, bool) for item in value
    ):
        raise RankingError("malformed", f"{column.name} is {value!r}; allowed: a list of {kinds[0].__name__}")
    return tuple(map(float, value)) if column.type == "ARRAY<FLOAT64>" else tuple(value)


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
