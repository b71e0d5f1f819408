"""Reads the client's request; every refusal is a `Problem`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import Request

from .bodies import MAX_BODY_BYTES, Bodies
from .problem import Problem
from .ranking import RankingError, check_user_id

MAX_LIMIT = 100
MAX_BATCH = 500
_LIMIT = re.compile(r"[0-9]{1,3}", re.ASCII)


@dataclass(frozen=True)
class Route:
    """The meaning of a path: `action` and, for a user's path, the decoded user_id."""

    action: Literal["health", "user", "batch"]
    user_id: str = ""

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods the path answers to."""
        return ("POST",) if self.action == "batch" else ("GET", "HEAD")


def parse_route(request: Request) -> Route:
    """Reads the path; segments are split before they are decoded, so a user_id may hold a slash.

    Raises:
      Problem: 404 for an unknown path, 405 for another method, 400 for a user_id that is not one.
    """
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode("ascii")
    segments = raw.partition(b"?")[0].split(b"/")[1:]
    match [unquote_to_bytes(segment) for segment in segments]:
        case [b"health"]:
            route = Route("health")
        case [b"users:batchGet"]:
            route = Route("batch")
        case [b"users", user_id, b"recommenders"]:
            route = Route("user", _decode_user_id(user_id))
        case _:
            raise Problem(
                404,
                "not_found",
                "no such path; there are GET /users/{user_id}/recommenders, POST /users:batchGet, GET "
                "/health",
            )
    if request.method not in route.methods:
        allowed = ", ".join(route.methods)
        raise Problem(405, "method_not_allowed", f"allowed: {allowed}", headers={"Allow": allowed})
    return route


def _decode_user_id(segment: bytes) -> str:
    try:
        user_id = segment.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "invalid_user_id", "user_id is not percent-encoded UTF-8") from error
    problem = refused_user_id(user_id)
    if problem is not None:
        raise problem
    return user_id


def parse_deep(request: Request) -> bool:
    """Whether ``/health`` is asked for freshness and coverage too, by ``deep=1``."""
    values = request.query_params.getlist("deep") if request.scope["query_string"] else []
    if values not in ([], ["0"], ["1"]):
        raise Problem(400, "invalid_deep", f"deep is {values[0][:20]!r}; allowed: 0 or 1, once")
    return values == ["1"]


def parse_limit(request: Request) -> int | None:
    """The ``limit`` parameter, 1 to 100; None if it is not given."""
    # Mostly there is no query at all, and nothing to parse.
    values = request.query_params.getlist("limit") if request.scope["query_string"] else []
    if not values:
        return None
    if len(values) > 1:
        raise Problem(400, "invalid_limit", f"limit is given {len(values)} times; allowed: once")
    if not _LIMIT.fullmatch(values[0]) or not 1 <= int(values[0]) <= MAX_LIMIT:
        raise Problem(400, "invalid_limit", f"limit is {values[0][:20]!r}; allowed: 1 to {MAX_LIMIT}")
    return int(values[0])


async def read_user_ids(request: Request, bodies: Bodies) -> Sequence[str]:
    """The texts of ``{"user_ids": [...]}``, as many as were sent and in that order.

    `refused_user_id` says which of them are no ids.

    Raises:
      Problem: 415, 400 for a body that is not such an object, or as `Bodies.read`.
    """
    content = await read_json(request, bodies)
    expected = f'allowed: {{"user_ids": [...]}} with up to {MAX_BATCH} strings'
    if not isinstance(content, dict) or set(content) != {"user_ids"}:
        raise Problem(400, "invalid_body", f"the body is not an object with user_ids alone; {expected}")
    user_ids = content["user_ids"]
    if not isinstance(user_ids, list):
        raise Problem(400, "invalid_body", f"user_ids is not a list; {expected}")
    if len(user_ids) > MAX_BATCH:
        raise Problem(400, "too_many_user_ids", f"found {len(user_ids)} user_ids; {expected}")
    for index, user_id in enumerate(user_ids):
        if not isinstance(user_id, str):
            raise Problem(400, "invalid_body", f"user_ids[{index}] is not a string; {expected}")
    return user_ids


def refused_user_id(user_id: str) -> Problem | None:
    """Says why a text is no user_id; None if it is one."""
    try:
        check_user_id(user_id)
    except RankingError as error:
        return Problem(400, "invalid_user_id", error.message)
    return None


async def read_json(request: Request, bodies: Bodies, most: int = MAX_BODY_BYTES) -> Any:
    """The body as JSON.

    Args:
      request: the request, whose body nobody has read.
      bodies: the bounds of all bodies.
      most: bytes that this one may have.

    Raises:
      Problem: 415 for another media type, 400 for what is not JSON, or as `Bodies.read`.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(
            415, "unsupported_media_type", f"Content-Type is {media_type!r}; allowed: application/json"
        )
    body = await bodies.read(request, most)
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem(400, "invalid_body", "the body is not JSON in UTF-8") from error
