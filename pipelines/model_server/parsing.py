"""Reads the bodies of `/rank` and `/reward`; every refusal is a `Problem` that names the field."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from newsletter_bandit.settings.tables import CLICKED, UNSUBSCRIBED
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.table_files.cells import BLANKS
from pipelines.model_server.examples import ELIGIBLE, Encoder, found
from serving.problem import Problem
from serving.ranking import RankingError, check_user_id

ITEMS: Final = "items"
_RANK_FIELDS: Final = ("user_id", "campaign", "features", ELIGIBLE)
_REWARD_FIELDS: Final = ("ranking_id", "outcomes", "occurred_at")
_RANKING_ID = re.compile(r"[0-9a-f]{32}")
_MAX_CAMPAIGN_BYTES = 1500


@dataclass(frozen=True, slots=True)
class Asked:
    """One ranking that is asked for.

    Attributes:
      user_id: the user.
      campaign: the mailing or visit, by which exploration is drawn.
      eligible: recommenders that may be ranked; empty for all.
      features: as the request has them; checked.
      example: all that as a serialized tf.Example.
    """

    user_id: str
    campaign: str
    eligible: Sequence[str]
    features: Mapping[str, Any]
    example: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """Outcomes of a ranking.

    Attributes:
      ranking_id: of the ranking.
      outcomes: by the name of the reward's term.
      occurred_at: when, RFC 3339; None for now.
    """

    ranking_id: str
    outcomes: Mapping[str, Any]
    occurred_at: str | None


class Parser:
    """Reads bodies for one use case.

    Args:
      use_case: its features, recommenders and outcomes.
      max_items: most items of one body.
    """

    def __init__(self, use_case: UseCase, max_items: int) -> None:
        self._encoder = Encoder(use_case)
        self._known = frozenset((*use_case.recommenders, *use_case.renamed))
        self._recommenders = ", ".join(use_case.recommenders)
        self._flags = (CLICKED, UNSUBSCRIBED)
        self._outcomes = (*self._flags, *use_case.reward.outcomes)
        self._max_items = max_items

    def asked(self, content: Any, rankable: frozenset[str], day: dt.date) -> tuple[list[Asked], bool]:
        """The rankings that a body of `/rank` asks for, and whether it is a batch.

        Args:
          content: the body's JSON.
          rankable: names of the recommenders that the model may rank.
          day: day of the ranking.

        Raises:
          Problem: 400.
        """
        items, is_batch = self._items(content, _RANK_FIELDS)
        return [
            self._asked(item, f"{ITEMS}[{i}]." if is_batch else "", rankable, day)
            for i, item in enumerate(items)
        ], is_batch

    def told(self, content: Any) -> tuple[list[Told], bool]:
        """The outcomes that a body of `/reward` tells, and whether it is a batch.

        Raises:
          Problem: 400.
        """
        items, is_batch = self._items(content, _REWARD_FIELDS)
        return [
            self._told(item, f"{ITEMS}[{i}]." if is_batch else "") for i, item in enumerate(items)
        ], is_batch

    def _items(self, content: Any, fields: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
        allowed = f"an object with {', '.join(fields)}, or {{{ITEMS}: [...]}} of such objects"
        if not isinstance(content, dict):
            raise Problem(400, "invalid_body", f"the body is {found(content)}; allowed: {allowed}")
        is_batch = ITEMS in content
        items = content[ITEMS] if is_batch else [content]
        if is_batch and (len(content) > 1 or not isinstance(items, list)):
            raise Problem(400, "invalid_body", f"found {found(content)}; allowed: {{{ITEMS}: [...]}} alone")
        if not 1 <= len(items) <= self._max_items:
            raise Problem(
                400,
                "too_many_items" if items else "no_items",
                f"{ITEMS}: found {len(items)}; allowed: 1 to {self._max_items}",
            )
        for i, item in enumerate(items):
            where = f"{ITEMS}[{i}]" if is_batch else "the body"
            if not isinstance(item, dict):
                raise Problem(400, "invalid_body", f"{where} is {found(item)}; allowed: {allowed}")
            if not item.keys() <= set(fields):
                unknown = ", ".join(sorted(item.keys() - set(fields)))
                raise Problem(
                    400,
                    "unknown_field",
                    f"{where}: found {found(unknown)}; allowed: {', '.join(fields)}",
                )
        return items, is_batch

    def _asked(self, item: dict[str, Any], where: str, rankable: frozenset[str], day: dt.date) -> Asked:
        user_id = _text(item, "user_id", where)
        try:
            check_user_id(user_id)
        except RankingError as error:
            raise Problem(400, "invalid_user_id", f"{where}{error.message}") from error
        campaign = _campaign(day) if item.get("campaign") is None else _text(item, "campaign", where)
        size = len(_utf8(campaign, f"{where}campaign"))
        if not 1 <= size <= _MAX_CAMPAIGN_BYTES:
            raise Problem(
                400,
                "invalid_campaign",
                f"{where}campaign: found {size} bytes; allowed: 1 to {_MAX_CAMPAIGN_BYTES}, or no campaign",
            )
        eligible = self._eligible(item.get(ELIGIBLE), f"{where}{ELIGIBLE}", rankable)
        features = item.get("features")
        if features is None:
            features = {}
        if not isinstance(features, dict):
            raise Problem(
                400,
                "invalid_body",
                f"{where}features: found {found(features)}; allowed: an object of features",
            )
        example = self._encoder.encode(user_id, campaign, eligible, features, day, f"{where}features.")
        return Asked(user_id, campaign, eligible, features, example)

    def _eligible(self, names: Any, where: str, rankable: frozenset[str]) -> Sequence[str]:
        if names is None or names == []:
            return ()
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Problem(
                400,
                "invalid_body",
                f"{where}: found {found(names)}; allowed: a list of recommenders, or null",
            )
        for name in names:
            if name not in self._known:
                raise Problem(
                    400, "unknown_recommender", f"{where}: found {found(name)}; allowed: {self._recommenders}"
                )
        if rankable.isdisjoint(names):
            raise Problem(
                400,
                "no_eligible_recommender",
                f"{where}: found {found(names)}, none of which is ranked; allowed: a list with one of "
                f"{', '.join(sorted(rankable))}",
            )
        return names

    def _told(self, item: dict[str, Any], where: str) -> Told:
        ranking_id = _text(item, "ranking_id", where)
        if not _RANKING_ID.fullmatch(ranking_id):
            raise Problem(
                400,
                "invalid_ranking_id",
                f"{where}ranking_id: found {found(ranking_id)}; allowed: that of an answer of /rank",
            )
        outcomes = item.get("outcomes")
        if not isinstance(outcomes, dict) or not outcomes:
            raise Problem(
                400,
                "invalid_body",
                f"{where}outcomes: found {found(outcomes)}; allowed: an object with one or more of "
                f"{', '.join(self._outcomes)}",
            )
        for name, value in outcomes.items():
            self._check_outcome(name, value, f"{where}outcomes.{name}")
        occurred_at = item.get("occurred_at")
        return Told(ranking_id, outcomes, None if occurred_at is None else _time(occurred_at, where))

    def _check_outcome(self, name: str, value: Any, where: str) -> None:
        if name not in self._outcomes:
            raise Problem(
                400, "unknown_outcome", f"{where}: no such outcome; allowed: {', '.join(self._outcomes)}"
            )
        is_flag = name in self._flags
        if is_flag and type(value) is not bool:
            raise Problem(400, "invalid_outcome", f"{where}: found {found(value)}; allowed: true or false")
        if not is_flag and not _is_number(value):
            raise Problem(400, "invalid_outcome", f"{where}: found {found(value)}; allowed: a finite number")


def _text(item: Mapping[str, Any], name: str, where: str) -> str:
    value = item.get(name)
    # `ingest` would take the blanks away, and the log would hold another one than was drawn for.
    if not isinstance(value, str) or value != value.strip(BLANKS):
        words = "nothing" if value is None else found(value)
        raise Problem(
            400, f"invalid_{name}", f"{where}{name}: found {words}; allowed: a text without blanks around it"
        )
    return value


def _utf8(value: str, where: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Problem(400, "invalid_campaign", f"{where}: holds a lone surrogate; allowed: UTF-8") from None


def _campaign(day: dt.date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False


def _time(value: Any, where: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(value)
        in_utc = moment.astimezone(dt.UTC)
    except (TypeError, ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Problem(
            400,
            "invalid_occurred_at",
            f"{where}occurred_at: found {found(value)}; allowed: a time with its zone such as "
            "2026-11-30T08:15:00Z",
        )
    return in_utc.isoformat()
