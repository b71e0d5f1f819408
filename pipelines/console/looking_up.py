"""One user's stored ranking, and what the endpoint would answer for it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from http import HTTPStatus

from newsletter_bandit.ranking_store import open_store
from pipelines.console.refusal import Refusal
from pipelines.workspace import Workspace
from serving.ranking import Ranking, RankingError, check_user_id
from serving.stores.base import CorruptRankingError, StoreError


@dataclass(frozen=True)
class Slot:
    """One place of a ranking; ``propensity`` is its probability, given the places before."""

    place: int
    recommender: str
    score: float
    propensity: float


@dataclass(frozen=True)
class Found:
    """What is stored of a user.

    Attributes:
      user_id: the user.
      ranking: as stored; None where there is none.
      slots: of the ranking, best first.
      expired: the endpoint no longer serves it.
      foreign: it is another use case's, so the endpoint refuses it.
      days: age of the ranking, whole days; 0 where there is none.
    """

    user_id: str
    ranking: Ranking | None
    slots: tuple[Slot, ...] = ()
    expired: bool = False
    foreign: bool = False
    days: int = 0

    @property
    def served(self) -> bool:
        """The endpoint answers with it."""
        return self.ranking is not None and not self.expired and not self.foreign


def look_up(workspace: Workspace, user_id: str, now: dt.datetime) -> Found:
    """The ranking of a user.

    Args:
      workspace: use case, and environment with the store.
      user_id: as in the tables.
      now: an aware time.

    Raises:
      Refusal: the id cannot be one, the store cannot be read, or the stored ranking breaks the contract.
    """
    try:
        check_user_id(user_id)
    except RankingError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error
    try:
        store = open_store(workspace.environment.store)
        try:
            ranking = store.get(user_id)
        finally:
            store.close()
    except StoreError as error:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
    except CorruptRankingError as error:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error
    if ranking is None:
        return Found(user_id, None)
    places = zip(ranking.recommenders, ranking.scores, ranking.propensities, strict=True)
    return Found(
        user_id,
        ranking,
        tuple(Slot(place, *slot) for place, slot in enumerate(places, start=1)),
        expired=ranking.expired(now),
        foreign=ranking.use_case != workspace.use_case.name,
        days=max((now - ranking.generated_at).days, 0),
    )
