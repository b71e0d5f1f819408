"""Turns one row of predictions into the stored ranking, or says why it cannot be stored."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.ranking import Ranking, RankingError

# A prediction as plain values: column name -> its list of bytes, floats or integers.
Row = Mapping[str, Sequence[bytes] | Sequence[float] | Sequence[int]]

DUPLICATE = "duplicate_user_id"
MAX_DAYS = 365  # as in the settings' freshness


@dataclass(frozen=True)
class Rejection:
    """A row that is not stored.

    Attributes:
      reason: stable identifier, e.g. ``score_not_finite``.
      detail: sentence on what was found and what is allowed.
      row: the row with JSON values.
    """

    reason: str
    detail: str
    row: dict[str, Any]

    def to_json(self) -> str:
        """One line of the dead-letter file."""
        return json.dumps(
            {"reason": self.reason, "detail": self.detail, "row": self.row},
            ensure_ascii=False,
            sort_keys=True,
        )


@dataclass(frozen=True)
class Stamp:
    """Values that the run adds to each ranking; the same on a rerun of the day."""

    model_version: str
    generated_at: dt.datetime


def post_process(row: Row, recommenders: Iterable[str], stamp: Stamp) -> Ranking | Rejection:
    """Checks and stamps one row of the serving signature's outputs; no figure is rounded.

    Args:
      row: the columns of `components.bulk_inferrer.schema`, possibly with others.
      recommenders: names that may be stored.
      stamp: version and times.

    Returns:
      The ranking without its padding of '', or a rejection that says how the row breaks the contract.
    """
    try:
        return _to_ranking(row, frozenset(recommenders), stamp)
    except RankingError as error:
        return Rejection(error.reason, error.message, json_row(row))


def resolve_duplicates(rankings: Iterable[Ranking]) -> tuple[Ranking, list[Ranking]]:
    """Divides one user's rankings into the one to keep and the others, whatever their order."""
    kept, *others = sorted(rankings, key=lambda ranking: json.dumps(ranking.to_json_dict(), sort_keys=True))
    return kept, others


def reject_duplicate(ranking: Ranking) -> Rejection:
    """Rejection of another ranking of the same user."""
    return Rejection(
        DUPLICATE,
        f"user_id {ranking.user_id!r} has several rows; allowed: one, of which the first in order is kept",
        ranking.to_json_dict(),
    )


def json_row(row: Row) -> dict[str, Any]:
    """The row with JSON values; bytes that are not UTF-8 are escaped, NaN and infinities become strings."""
    return {name: [_json_value(value) for value in values] for name, values in sorted(row.items())}


def _to_ranking(row: Row, recommenders: frozenset[str], stamp: Stamp) -> Ranking:
    user_id = _text(row, "user_id", required="missing_user_id")
    names = [_decode("recommenders", name) for name in _values(row, "recommenders")]
    scores = _values(row, "scores")
    propensities = _values(row, "propensities")
    if not len(names) == len(scores) == len(propensities):
        raise RankingError(
            "unequal_lengths",
            f"found {len(names)} recommenders, {len(scores)} scores, {len(propensities)} propensities; "
            "allowed: as many of each",
        )
    unknown = sorted(set(names) - recommenders - {""})
    if unknown:
        raise RankingError(
            "unknown_recommender", f"found {unknown}; allowed: the use case's {sorted(recommenders)}"
        )
    slots = [slot for slot in zip(names, scores, propensities, strict=True) if slot[0]]
    return Ranking(
        user_id=user_id,
        recommenders=tuple(name for name, _, _ in slots),
        scores=tuple(float(score) for _, score, _ in slots),
        propensities=tuple(float(propensity) for _, _, propensity in slots),
        explored=_flag(row, "explored"),
        campaign=_text(row, "campaign", required="missing_campaign"),
        model_version=stamp.model_version,
        generated_at=stamp.generated_at,
        expires_at=stamp.generated_at + _days(row, "expires_after_days"),
    )


def _values(row: Row, name: str) -> Sequence[Any]:
    return row.get(name, ())


def _text(row: Row, name: str, required: str) -> str:
    values = _values(row, name)
    if len(values) != 1 or values[0] == b"":
        raise RankingError(required, f"{name} has {len(values)} values; allowed: one, not empty")
    return _decode(name, values[0])


def _decode(name: str, value: Any) -> str:
    try:
        return bytes.decode(value, "utf-8")
    except (UnicodeDecodeError, TypeError) as error:
        raise RankingError(f"invalid_{name}", f"{name} is {value!r}; allowed: UTF-8 text") from error


def _flag(row: Row, name: str) -> bool:
    values = list(_values(row, name))
    if values not in ([0], [1]):
        raise RankingError("malformed", f"{name} is {values}; allowed: 0 or 1")
    return bool(values[0])


def _days(row: Row, name: str) -> dt.timedelta:
    values = list(_values(row, name))
    if len(values) != 1 or not isinstance(values[0], int) or not 1 <= values[0] <= MAX_DAYS:
        raise RankingError(
            "malformed",
            f"{name} is {values}; allowed: a whole number of days, 1 to {MAX_DAYS}",
        )
    return dt.timedelta(days=values[0])


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
