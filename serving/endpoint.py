"""Answers requests from the ranking store."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from .bodies import Bodies
from .config import DatastoreLocation, ServingConfig, StoreLocation
from .coverage import Coverage
from .parsing import parse_deep, parse_limit, parse_route, read_user_ids, refused_user_id
from .problem import Problem
from .ranking import FIELDS, Ranking
from .stores.base import CorruptRankingError, RankingReader, StoreError

_LOGGER = logging.getLogger(__name__)
# An answer is about one person and may change any day.
_HEADERS = {"Cache-Control": "no-store"}
# Seconds after which a store that came back is found: the readers look again at least that often.
_RETRY_AFTER = "1"
# Encodes as `JSONResponse` does, which makes a new encoder for each answer.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class _Answer(JSONResponse):
    def render(self, content: Any) -> bytes:
        return _ENCODER.encode(content).encode("utf-8")


def open_reader(location: StoreLocation, deadline: float) -> RankingReader:
    """The reader of a store; it connects on first use. Only the store's own library is imported.

    Args:
      location: where the rankings are.
      deadline: seconds that the look-ups of a request may take.
    """
    if isinstance(location, DatastoreLocation):
        from .stores.datastore_reader import DatastoreReader

        return DatastoreReader(location.project, location.entity_kind, location.namespace, deadline)
    from .stores.sqlite import SQLiteReader

    return SQLiteReader(location.path)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Endpoint:
    """The three paths over one store, for one event loop.

    Args:
      config: configuration of the endpoint.
      now: the clock for expiry.
    """

    def __init__(self, config: ServingConfig, now: Callable[[], dt.datetime] = _utc_now) -> None:
        self._config = config
        self._now = now
        self._bodies = Bodies(config.limits)
        self._reader = open_reader(config.store, config.store_deadline_seconds)
        self._coverage = Coverage(self._reader)

    async def handle(self, request: Request) -> Response:
        """Answers any request; errors are JSON ``{"error": {"code", "message"}}``."""
        try:
            return _Answer(await self._answer(request), headers=_HEADERS)
        except Problem as problem:
            return _error(problem)
        except ClientDisconnect:
            return _error(Problem(400, "invalid_body", "the body ended early"))
        except StoreError as error:
            _LOGGER.error("%s", error)
            return _error(
                Problem(
                    503,
                    "store_unavailable",
                    "the ranking store cannot be reached; try again",
                    headers={"Retry-After": _RETRY_AFTER},
                )
            )
        except CorruptRankingError as error:
            return _error(_corrupt(error))
        except Exception:  # the outermost frame: a fault of ours must not show its stack to the client
            _LOGGER.exception("unexpected error")
            return _error(Problem(500, "internal", "an internal error; it was logged"))

    async def close(self) -> None:
        """Closes the store."""
        await self._reader.close()

    async def _answer(self, request: Request) -> dict[str, Any]:
        route = parse_route(request)
        if route.action == "health":
            await self._reader.ping()
            health = {"status": "ok", "use_case": self._config.use_case}
            return health | (await self._coverage.look(self._now()) if parse_deep(request) else {})
        limit = parse_limit(request)
        now = self._now()
        if route.action == "user":
            try:
                ranking = await self._reader.get(route.user_id)
            except StoreError as error:
                self._require_degraded(error)
                return self._degraded(route.user_id, limit)
            return self._ranking(route.user_id, ranking, limit, now)
        user_ids = await read_user_ids(request, self._bodies)
        refused = {user_id: problem for user_id in user_ids if (problem := refused_user_id(user_id))}
        asked = [user_id for user_id in user_ids if user_id not in refused]
        found: dict[str, Ranking | CorruptRankingError | Problem | StoreError] = {**refused}
        try:
            if asked:
                found.update(await self._reader.get_many(asked))
        except StoreError as error:
            self._require_degraded(error)
            found.update(dict.fromkeys(asked, error))
        return {
            "rankings": [self._batch_item(user_id, found.get(user_id), limit, now) for user_id in user_ids]
        }

    def _ranking(
        self, user_id: str, found: Ranking | None, limit: int | None, now: dt.datetime
    ) -> dict[str, Any]:
        if found is not None and found.use_case != self._config.use_case:
            message = (
                f"the stored ranking is of the use case {found.use_case}; this endpoint serves "
                f"{self._config.use_case}"
            )
            _LOGGER.error("user %r: %s; each use case needs a store of its own", user_id, message)
            raise Problem(500, "foreign_ranking", message)
        if found is not None and not found.expired(now):
            answer = found.to_json_dict()
            if limit is not None:
                for field in FIELDS:
                    if field.is_list:
                        answer[field.name] = answer[field.name][:limit]
            answer["source"] = "personalised"
            return answer
        if self._config.unknown_user == "not_found":
            raise Problem(404, "unknown_user", "there is no current ranking for this user")
        return self._default(user_id, limit)

    def _default(self, user_id: str, limit: int | None) -> dict[str, Any]:
        return {
            "user_id": user_id,
            "recommenders": list(self._config.default_ranking[:limit]),
            "source": "default",
        }

    def _degraded(self, user_id: str, limit: int | None) -> dict[str, Any]:
        """The answer while the store is away."""
        return {**self._default(user_id, limit), "degraded": True}

    def _require_degraded(self, error: StoreError) -> None:
        """Raises the error unless the settings want the default ranking in its place."""
        if self._config.store_away != "default":
            raise error
        _LOGGER.error("%s", error)

    def _batch_item(
        self,
        user_id: str,
        found: Ranking | CorruptRankingError | Problem | StoreError | None,
        limit: int | None,
        now: dt.datetime,
    ) -> dict[str, Any]:
        """One user's answer; a user who alone would get an error gets that in its place."""
        try:
            if isinstance(found, CorruptRankingError):
                found = _corrupt(found)
            if isinstance(found, Problem):
                raise found
            if isinstance(found, StoreError):
                return self._degraded(user_id, limit)
            return self._ranking(user_id, found, limit, now)
        except Problem as problem:
            # No answer can hold a lone surrogate.
            shown = user_id.encode("utf-8", "backslashreplace").decode("utf-8")
            return {"user_id": shown, "error": {"code": problem.code, "message": problem.message}}


def _corrupt(error: CorruptRankingError) -> Problem:
    _LOGGER.error("%s", error)
    return Problem(500, "corrupt_ranking", "the stored ranking cannot be read")


def _error(problem: Problem) -> JSONResponse:
    return JSONResponse(
        {"error": {"code": problem.code, "message": problem.message}},
        status_code=problem.status,
        headers={**_HEADERS, **problem.headers},
    )
