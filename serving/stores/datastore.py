"""Rankings as Datastore entities, the user_id being the key's name.

The client library finds an emulator by itself, through ``DATASTORE_EMULATOR_HOST``. It is imported at the top
of this module, so only processes that use Datastore load it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import datastore
from google.cloud.datastore.query import PropertyFilter

from ..ranking import UNINDEXED_PROPERTIES, Ranking, RankingError
from .base import Ages, CorruptRankingError, StoreError, foreign, intact

# Datastore's limits: 500 writes and 10 MiB per commit, 1000 keys per look-up.
_WRITES_PER_COMMIT = 500
_BYTES_PER_COMMIT = 8_000_000
_KEYS_PER_LOOKUP = 1000
# Number of entities among which `require` looks for another use case's.
_LOOKED_AT = 20


@functools.lru_cache(maxsize=8)
def client(project: str, namespace: str | None) -> Any:
    """One client per project and namespace in a process; a client per call would cost four times as much."""
    return datastore.Client(project=project, namespace=namespace)


class DatastoreStore:
    """A `RankingStore` in Firestore in Datastore mode, of entities of one kind.

    Args:
      project: Google Cloud project id.
      entity_kind: kind of the entities.
      namespace: Datastore namespace; None is the default one.

    Raises:
      StoreError: no credentials were found.
    """

    def __init__(self, project: str, entity_kind: str, namespace: str | None = None) -> None:
        self._kind = entity_kind
        with _store_errors(project):
            self._client = client(project, namespace)

    def get(self, user_id: str) -> Ranking | None:
        """See `RankingStore.get`."""
        return self.get_many([user_id]).get(user_id)

    def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking]:
        """See `RankingStore.get_many`."""
        return intact(self.look_up(user_ids))

    def look_up(self, user_ids: Sequence[str]) -> dict[str, Ranking | CorruptRankingError]:
        """See `RankingStore.look_up`."""
        keys = [self._key(user_id) for user_id in dict.fromkeys(user_ids)]
        found: dict[str, Ranking | CorruptRankingError] = {}
        with _store_errors(self._client.project):
            for start in range(0, len(keys), _KEYS_PER_LOOKUP):
                for entity in self._client.get_multi(keys[start : start + _KEYS_PER_LOOKUP]):
                    try:
                        found[entity.key.name] = ranking_from(entity.key.name, entity)
                    except CorruptRankingError as error:
                        found[entity.key.name] = error
        return found

    def put_many(self, rankings: Iterable[Ranking]) -> None:
        """See `RankingStore.put_many`; atomic for each user, not across users."""
        # One commit must not write an entity twice.
        last = {ranking.user_id: ranking for ranking in rankings}
        with _store_errors(self._client.project):
            for batch in _batches(last.values()):
                self._client.put_multi([self._entity(ranking) for ranking in batch])

    def delete(self, user_id: str) -> None:
        """See `RankingStore.delete`."""
        with _store_errors(self._client.project):
            self._client.delete(self._key(user_id))

    def require(self, use_case: str) -> None:
        """See `RankingStore.require`; looks at a few entities, because a namespace belongs to one use case.

        Entities from before rankings named their use case do not count.
        """
        with _store_errors(self._client.project):
            found = list(self._client.query(kind=self._kind).fetch(limit=_LOOKED_AT))
        for entity in found:
            other = entity.get("use_case", use_case)
            if other != use_case:
                where = f"Datastore of project {self._client.project}, namespace {self._client.namespace!r}"
                raise StoreError(foreign(where, str(other), use_case))

    def count(self) -> int:
        """See `RankingStore.count`."""
        return self._count(self._client.query(kind=self._kind))

    def newest_day(self) -> dt.datetime | None:
        """See `RankingStore.newest_day`; reads the one entity that expires last."""
        newest = self._last_to_expire()
        return None if newest is None else newest.generated_at

    def ages(self, now: dt.datetime) -> Ages | None:
        """See `RankingStore.ages`; reads one entity and counts in the index, one read per thousand."""
        ranking = self._last_to_expire()
        if ranking is None:
            return None
        living = self._client.query(kind=self._kind)
        living.add_filter(filter=PropertyFilter("expires_at", ">", now))
        renewed = self._client.query(kind=self._kind)
        renewed.add_filter(filter=PropertyFilter("expires_at", ">=", max(now, ranking.expires_at)))
        rankings, served = self.count(), self._count(living)
        older = 0 if ranking.expires_at <= now else max(0, served - self._count(renewed))
        return Ages(
            rankings,
            max(0, rankings - served),
            older,
            ranking.generated_at,
            ranking.expires_at,
            ranking.model_version,
        )

    def _last_to_expire(self) -> Ranking | None:
        with _store_errors(self._client.project):
            found = list(self._client.query(kind=self._kind, order=["-expires_at"]).fetch(limit=1))
        return ranking_from(found[0].key.name, found[0]) if found else None

    def _count(self, query: Any) -> int:
        with _store_errors(self._client.project):
            (results,) = self._client.aggregation_query(query).count(alias="all").fetch()
        return int(results[0].value)

    def close(self) -> None:
        """Does nothing: the client belongs to the process."""

    def _key(self, user_id: str) -> Any:
        return self._client.key(self._kind, user_id)

    def _entity(self, ranking: Ranking) -> Any:
        entity: Any = datastore.Entity(self._key(ranking.user_id), exclude_from_indexes=UNINDEXED_PROPERTIES)
        entity.update(ranking.to_properties())
        return entity


def ranking_from(user_id: str, properties: Any) -> Ranking:
    """A stored entity's ranking; raises `CorruptRankingError` if it breaks the contract."""
    try:
        return Ranking.from_properties(user_id, properties)
    except RankingError as error:
        raise CorruptRankingError(f"stored ranking of user {user_id!r}: {error}") from error


@contextlib.contextmanager
def _store_errors(project: str) -> Iterator[None]:
    try:
        yield
    except (GoogleAPICallError, RetryError, GoogleAuthError) as error:
        raise StoreError(f"Datastore of project {project}: {error}") from error


def _batches(rankings: Iterable[Ranking]) -> Iterator[list[Ranking]]:
    batch: list[Ranking] = []
    size = 0
    for ranking in rankings:
        # Upper bound of an entity's bytes: names at four bytes per letter, two doubles and frames per slot.
        bound = 8000 + sum(4 * len(name) + 64 for name in ranking.recommenders)
        if batch and (len(batch) == _WRITES_PER_COMMIT or size + bound > _BYTES_PER_COMMIT):
            yield batch
            batch, size = [], 0
        batch.append(ranking)
        size += bound
    if batch:
        yield batch
