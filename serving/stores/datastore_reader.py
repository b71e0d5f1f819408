"""The endpoint's Datastore look-ups: asynchronous gRPC over one channel that all requests share."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError, RetryError, ServiceUnavailable
from google.api_core.retry import AsyncRetry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud.datastore_v1.services.datastore import DatastoreAsyncClient
from google.cloud.datastore_v1.services.datastore.transports import DatastoreGrpcAsyncIOTransport
from google.cloud.datastore_v1.types import Key, LookupRequest

from ..ranking import Ranking
from .base import StoreError
from .datastore import ranking_from

# Seconds: one try, and all tries of a look-up; the caller's answer must not wait for Datastore much longer.
_TRY_TIMEOUT = 2.0
_TOTAL_TIMEOUT = 4.0
_KEYS_PER_LOOKUP = 1000
# Any name does: a look-up that finds nothing is an answer too.
_PING_USER_ID = "ping"


class DatastoreReader:
    """A `RankingReader` for the event loop that first awaits it.

    Args:
      project: Google Cloud project id.
      entity_kind: kind of the entities.
      namespace: Datastore namespace; None is the default one.
    """

    def __init__(self, project: str, entity_kind: str, namespace: str | None = None) -> None:
        self._project = project
        self._kind = entity_kind
        self._namespace = namespace or ""
        self._client: DatastoreAsyncClient | None = None
        self._retry = AsyncRetry(
            predicate=if_exception_type(ServiceUnavailable, DeadlineExceeded),
            initial=0.05,
            maximum=0.5,
            timeout=_TOTAL_TIMEOUT,
        )

    async def get(self, user_id: str) -> Ranking | None:
        """See `RankingReader.get`."""
        return (await self.get_many([user_id])).get(user_id)

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking]:
        """See `RankingReader.get_many`."""
        wanted = [self._key(user_id) for user_id in dict.fromkeys(user_ids)]
        found: dict[str, Ranking] = {}
        while wanted:
            asked, wanted = wanted[:_KEYS_PER_LOOKUP], wanted[_KEYS_PER_LOOKUP:]
            response = await self._lookup(asked)
            for result in response.found:
                name = result.entity.key.path[-1].name
                found[name] = ranking_from(name, _Properties(result.entity.properties))
            # Datastore may put part of a large look-up off; it always answers some of it.
            wanted.extend(response.deferred)
        return found

    async def ping(self) -> None:
        """See `RankingReader.ping`."""
        await self._lookup([self._key(_PING_USER_ID)])

    async def close(self) -> None:
        """See `RankingReader.close`."""
        if self._client is not None:
            await self._client.transport.close()  # type: ignore[no-untyped-call]
            self._client = None

    def _key(self, user_id: str) -> Any:
        key = Key.pb()()
        key.partition_id.project_id = self._project
        key.partition_id.namespace_id = self._namespace
        key.path.add(kind=self._kind, name=user_id)
        return key

    async def _lookup(self, keys: Sequence[Any]) -> Any:
        """Sends one Lookup; returns the raw LookupResponse."""
        request = LookupRequest.wrap(LookupRequest.pb()(project_id=self._project, keys=keys))
        try:
            if self._client is None:
                self._client = _connect()
            response = await self._client.lookup(request=request, retry=self._retry, timeout=_TRY_TIMEOUT)
        except (GoogleAPICallError, RetryError, GoogleAuthError) as error:
            raise StoreError(f"Datastore of project {self._project}: {error}") from error
        return type(response).pb(response)


class _Properties(Mapping[str, Any]):
    """An entity's properties as Python values; the library's own conversion takes several times as long."""

    def __init__(self, properties: Any) -> None:
        self._properties = properties

    def __getitem__(self, name: str) -> Any:
        if name not in self._properties:  # a protobuf map would add it
            raise KeyError(name)
        return _to_python(self._properties[name])

    def __iter__(self) -> Any:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)


def _to_python(value: Any) -> Any:
    kind = value.WhichOneof("value_type")
    if kind == "array_value":
        return [_to_python(item) for item in value.array_value.values]
    if kind == "timestamp_value":
        return value.timestamp_value.ToDatetime(tzinfo=dt.UTC)
    if kind in ("double_value", "string_value", "boolean_value", "integer_value"):
        return getattr(value, kind)
    return None


def _connect() -> DatastoreAsyncClient:
    emulator = os.environ.get("DATASTORE_EMULATOR_HOST")
    if emulator:
        channel = grpc.aio.insecure_channel(emulator)
        return DatastoreAsyncClient(transport=DatastoreGrpcAsyncIOTransport(channel=channel))
    return DatastoreAsyncClient()
