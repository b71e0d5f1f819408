"""The interface that the stores share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..ranking import Ranking


class StoreError(Exception):
    """The store cannot be used now: it is missing, unreachable or refuses; the message says which."""


class CorruptRankingError(Exception):
    """A stored record that breaks the contract; the message names the user and the fault."""


def foreign(where: str, found: str, wanted: str) -> str:
    """Error message for a store that holds another use case's rankings."""
    return (
        f"{where}: holds rankings of the use case {found}; allowed: those of {wanted}. Each use case needs a "
        "store of its own: a file for SQLite, a namespace for Datastore"
    )


def intact(found: Mapping[str, Ranking | CorruptRankingError]) -> dict[str, Ranking]:
    """The rankings; raises the first error among them."""
    rankings: dict[str, Ranking] = {}
    for user_id, ranking in found.items():
        if isinstance(ranking, CorruptRankingError):
            raise ranking
        rankings[user_id] = ranking
    return rankings


@dataclass(frozen=True)
class Ages:
    """How old the rankings of a store are.

    Attributes:
      rankings: how many there are, at least one.
      expired: how many of them are not served any more.
      older: how many of the others expire before the newest one: the newest prediction did not renew them.
      generated_at: start of the newest day that one was made for, UTC.
      expires_at: end of the newest one's life, UTC.
      model_version: the version that made the newest one.
    """

    rankings: int
    expired: int
    older: int
    generated_at: dt.datetime
    expires_at: dt.datetime
    model_version: str


class RankingStore(Protocol):
    """Rankings by user_id; each method raises `StoreError` if the store cannot be used."""

    def get(self, user_id: str) -> Ranking | None:
        """The user's ranking, expired or not; None if there is none."""

    def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking]:
        """The rankings of those users that have one."""

    def look_up(self, user_ids: Sequence[str]) -> dict[str, Ranking | CorruptRankingError]:
        """Like `get_many`, which raises `CorruptRankingError`; here what is wrong with a record stands in the
        place of a broken one.
        """

    def put_many(self, rankings: Iterable[Ranking]) -> None:
        """Replaces these users' rankings; of several for one user, the last is kept."""

    def delete(self, user_id: str) -> None:
        """Removes the user's ranking, if there is one."""

    def require(self, use_case: str) -> None:
        """Raises `StoreError` if the store holds rankings of another use case, which it names."""

    def count(self) -> int:
        """Number of rankings."""

    def newest_day(self) -> dt.datetime | None:
        """Start of the newest day that a ranking was made for, UTC; None if there are no rankings."""

    def ages(self, now: dt.datetime) -> Ages | None:
        """How old the rankings are at ``now``, an aware time; None if there are none.

        The newest ranking is the one that expires last.
        """

    def close(self) -> None:
        """Releases files and connections."""


class RankingReader(Protocol):
    """The endpoint's side of a store, for one event loop; raises as `RankingStore` does."""

    async def get(self, user_id: str) -> Ranking | None:
        """The user's ranking, expired or not; None if there is none."""

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking | CorruptRankingError]:
        """The rankings of those users that have one; in the place of a broken record, what is wrong with
        it.
        """

    async def ages(self, now: dt.datetime) -> Ages | None:
        """See `RankingStore.ages`; other look-ups go on meanwhile."""

    async def ping(self) -> None:
        """Returns once the store has answered a look-up; this also opens the connection."""

    async def close(self) -> None:
        """Releases files and connections."""
