"""The endpoint's Datastore look-ups: asynchronous gRPC over one channel that all requests share."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import grpc  # type: ignore[import-untyped]
from google.auth.exceptions import GoogleAuthError
from google.cloud.datastore_v1.services.datastore.transports import DatastoreGrpcAsyncIOTransport
from google.cloud.datastore_v1.types import Key, LookupRequest, LookupResponse

from ..ranking import Ranking
from .base import Ages, CorruptRankingError, StoreError
from .datastore import DatastoreStore, ranking_from

_LOOKUP = "/google.datastore.v1.Datastore/Lookup"
# Shares of what is left of the deadline, per attempt.
_ATTEMPTS = (0.5, 1.0)
_TRIED_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)
_KEYS_PER_LOOKUP = 1000
# Without gRPC's retries, compression and statistics, of which a look-up uses none; deadlines still
# apply.
_CHANNEL_OPTIONS = (
    ("grpc.minimal_stack", 1),
    # gRPC's own would wait for up to two minutes before it looks whether a server is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # In spite of its name, how long an attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 1000),
)
_PLAIN = frozenset({"double_value", "string_value", "boolean_value", "integer_value"})
# Any name does: a look-up that finds nothing is an answer too.
_PING_USER_ID = "ping"


class DatastoreReader:
    """A `RankingReader` for the event loop that first awaits it.

    It calls the RPC on the library's channel itself: wrapping each message and retry policy as the generated
    client does costs more time than the look-up.

    Args:
      project: Google Cloud project id.
      entity_kind: kind of the entities.
      namespace: Datastore namespace; None is the default one.
      deadline: seconds that a call of these methods may take: whoever called the endpoint must not wait much
        longer.
    """

    def __init__(
        self, project: str, entity_kind: str, namespace: str | None = None, deadline: float = 1.0
    ) -> None:
        self._deadline = deadline
        self._project = project
        self._kind = entity_kind
        self._namespace = namespace or ""
        self._metadata = grpc.aio.Metadata(("x-goog-request-params", f"project_id={quote(project)}"))
        self._channel: Any = None
        self._call: Any = None

    async def get(self, user_id: str) -> Ranking | None:
        """See `RankingReader.get`."""
        found = (await self.get_many([user_id])).get(user_id)
        if isinstance(found, CorruptRankingError):
            raise found
        return found

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking | CorruptRankingError]:
        """See `RankingReader.get_many`."""
        wanted = [self._key(user_id) for user_id in dict.fromkeys(user_ids)]
        found: dict[str, Ranking | CorruptRankingError] = {}
        until = time.monotonic() + self._deadline
        while wanted:
            asked, wanted = wanted[:_KEYS_PER_LOOKUP], wanted[_KEYS_PER_LOOKUP:]
            response = await self._lookup(asked, until)
            for result in response.found:
                name = result.entity.key.path[-1].name
                try:
                    found[name] = ranking_from(name, _Properties(result.entity.properties))
                except CorruptRankingError as error:
                    found[name] = error
            # Datastore may defer part of a large look-up, but it always answers some of it.
            wanted.extend(response.deferred)
        return found

    async def ages(self, now: dt.datetime) -> Ages | None:
        """See `RankingReader.ages`."""
        return await asyncio.to_thread(self._ages, now)

    def _ages(self, now: dt.datetime) -> Ages | None:
        return DatastoreStore(self._project, self._kind, self._namespace or None).ages(now)

    async def ping(self) -> None:
        """See `RankingReader.ping`."""
        await self._lookup([self._key(_PING_USER_ID)], time.monotonic() + self._deadline)

    async def close(self) -> None:
        """See `RankingReader.close`."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = self._call = None

    def _key(self, user_id: str) -> Any:
        key = Key.pb()()
        key.partition_id.project_id = self._project
        key.partition_id.namespace_id = self._namespace
        key.path.add(kind=self._kind, name=user_id)
        return key

    async def _lookup(self, keys: Sequence[Any], until: float) -> Any:
        """Sends one Lookup, at most twice, until a time of the monotonic clock; gives the raw
        LookupResponse.
        """
        request = LookupRequest.pb()(project_id=self._project, keys=keys)
        failure = "DEADLINE_EXCEEDED"
        for share in _ATTEMPTS:
            timeout = share * (until - time.monotonic())
            if timeout <= 0.0:
                break
            try:
                return await self._opened_call()(request, timeout=timeout, metadata=self._metadata)
            except grpc.aio.AioRpcError as error:
                failure = f"{error.code().name}: {error.details()}"
                if error.code() not in _TRIED_AGAIN:
                    break
            except GoogleAuthError as error:
                failure = str(error)
                break
        raise StoreError(f"Datastore of project {self._project}: {failure}")

    def _opened_call(self) -> Any:
        if self._call is None:
            self._channel = _connect()
            self._call = self._channel.unary_unary(
                _LOOKUP,
                request_serializer=LookupRequest.pb().SerializeToString,
                response_deserializer=LookupResponse.pb().FromString,
            )
        return self._call


class _Properties(Mapping[str, Any]):
    """An entity's properties as Python values; the library's own conversion takes several times as long."""

    def __init__(self, properties: Any) -> None:
        self._properties = properties

    def __getitem__(self, name: str) -> Any:
        if name not in self._properties:  # a protobuf map would add it
            raise KeyError(name)
        return _to_python(self._properties[name])

    def get(self, name: str, default: Any = None) -> Any:
        """Like the `get` of any mapping, without the detour over an exception."""
        return _to_python(self._properties[name]) if name in self._properties else default

    def __iter__(self) -> Any:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)


def _to_python(value: Any) -> Any:
    kind = value.WhichOneof("value_type")
    if kind in _PLAIN:
        return getattr(value, kind)
    if kind == "array_value":
        return [
            # Scores, propensities and names, without a call for each.
            item.double_value
            if (of := item.WhichOneof("value_type")) == "double_value"
            else item.string_value
            if of == "string_value"
            else _to_python(item)
            for item in value.array_value.values
        ]
    if kind == "timestamp_value":
        return value.timestamp_value.ToDatetime(tzinfo=dt.UTC)
    return None


def _connect() -> Any:
    emulator = os.environ.get("DATASTORE_EMULATOR_HOST")
    if emulator:
        return grpc.aio.insecure_channel(emulator, options=_CHANNEL_OPTIONS)
    return DatastoreGrpcAsyncIOTransport.create_channel(options=_CHANNEL_OPTIONS)
