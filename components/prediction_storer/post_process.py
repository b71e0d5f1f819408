"""Turns one row of predictions into the stored ranking, or says why it cannot be stored."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.exported_model import EXPIRES_AFTER_DAYS, PREDICTED, RECOMMENDERS
from serving.fields import ColumnType
from serving.ranking import Ranking, RankingError, check_lengths

# A prediction as plain values: column name -> its list of bytes, floats or integers.
Row = Mapping[str, Sequence[bytes] | Sequence[float] | Sequence[int]]

DUPLICATE = "duplicate_user_id"
MAX_DAYS = 365  # as in the settings' freshness
ANY_SCORE = (-math.inf, math.inf)


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
    use_case: str

    def fields(self, expires_after_days: int) -> dict[str, Any]:
        """The fields of a ranking that the run makes, `newsletter_bandit.exported_model.STAMPED`."""
        return {
            "use_case": self.use_case,
            "model_version": self.model_version,
            "generated_at": self.generated_at,
            "expires_at": self.generated_at + dt.timedelta(days=expires_after_days),
        }


def post_process(
    row: Row,
    recommenders: Iterable[str],
    stamp: Stamp,
    score_bounds: tuple[float, float] = ANY_SCORE,
) -> Ranking | Rejection:
    """Checks and stamps one row of the serving signature's outputs; no figure is rounded.

    Args:
      row: the columns of `components.bulk_inferrer.schema`, possibly with others.
      recommenders: names that may be stored.
      stamp: version and times.
      score_bounds: smallest and largest score that may be stored.

    Returns:
      The ranking without its padding of '', or a rejection that says how the row breaks the contract.
    """
    try:
        ranking = _to_ranking(row, frozenset(recommenders), stamp)
        _check_scores(ranking, score_bounds)
        return ranking
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
    # What is looked at first names the reason where several rules are broken.
    user_id = _text(row, "user_id")
    slots = _slots(row, recommenders)
    others = {
        field.name: _READ[field.type](row, field.name)
        for field in PREDICTED
        if field.name not in ("user_id", *slots)
    }
    return Ranking(user_id=user_id, **slots, **others, **stamp.fields(_days(row, EXPIRES_AFTER_DAYS)))


def _check_scores(ranking: Ranking, bounds: tuple[float, float]) -> None:
    """Raises `RankingError` for a score beyond the bounds."""
    low, high = bounds
    for name, score in zip(ranking.recommenders, ranking.scores, strict=True):
        if not low <= score <= high:
            raise RankingError(
                "score_out_of_range",
                f"score of {name} is {score:g}; allowed: {low:g} to {high:g}, the reward's bounds and "
                "storing.max_score_excess",
            )


def _slots(row: Row, recommenders: frozenset[str]) -> dict[str, Any]:
    """The lists of the ranking, without the padding."""
    lists = {field.name: _values(row, field.name) for field in PREDICTED if field.is_list}
    names = lists[RECOMMENDERS] = [_decode(RECOMMENDERS, name) for name in lists[RECOMMENDERS]]
    check_lengths({name: len(values) for name, values in lists.items()})
    unknown = sorted(set(names) - recommenders - {""})
    if unknown:
        raise RankingError(
            "unknown_recommender", f"found {unknown}; allowed: the use case's {sorted(recommenders)}"
        )
    return {
        name: tuple(
            [
                value if name == RECOMMENDERS else float(value)
                for value, recommender in zip(values, names, strict=True)
                if recommender
            ]
        )
        for name, values in lists.items()
    }


def _values(row: Row, name: str) -> Sequence[Any]:
    return row.get(name, ())


def _text(row: Row, name: str) -> str:
    values = _values(row, name)
    if len(values) != 1 or values[0] == b"":
        raise RankingError(f"missing_{name}", f"{name} has {len(values)} values; allowed: one, not empty")
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


_READ: dict[ColumnType, Callable[[Row, str], Any]] = {"STRING": _text, "BOOL": _flag}


def _days(row: Row, name: str) -> int:
    values = list(_values(row, name))
    if len(values) != 1 or not isinstance(values[0], int) or not 1 <= values[0] <= MAX_DAYS:
        raise RankingError(
            "malformed",
            f"{name} is {values}; allowed: a whole number of days, 1 to {MAX_DAYS}",
        )
    return values[0]


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
