"""The paths of the model server, as an ASGI application."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from newsletter_bandit.request_log.lines import ranking_line, reward_line
from newsletter_bandit.request_log.writer import LogError, LogWriter
from newsletter_bandit.settings.model_server import ModelServer
from newsletter_bandit.settings.use_case import UseCase
from pipelines.model_server.gathering import Gatherer, RankingFailedError
from pipelines.model_server.parsing import Parser
from pipelines.model_server.versions import Versions
from serving.bodies import Bodies
from serving.limits import Limits
from serving.parsing import read_json
from serving.problem import Problem
from serving.ranking import format_timestamp

_LOGGER = logging.getLogger(__name__)
# An answer is about one person, and the next one may be another.
_HEADERS: Final = {"Cache-Control": "no-store"}


class App:
    """`POST /rank`, `POST /reward` and `GET /health`, for one event loop.

    Args:
      use_case: what is ranked.
      settings: bounds of a request.
      versions: the version that answers.
      gatherer: calls its graph.
      log: what is answered and told goes there first.
      now: the clock, UTC.
    """

    def __init__(
        self,
        use_case: UseCase,
        settings: ModelServer,
        versions: Versions,
        gatherer: Gatherer,
        log: LogWriter,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._use_case = use_case.name
        self._parser = Parser(use_case, settings.max_items)
        self._max_body = settings.max_body_kib * 1024
        self._bodies = Bodies(Limits())
        self._versions = versions
        self._gatherer = gatherer
        self._log = log
        self._now = now
        self._paths: dict[str, tuple[str, Callable[[Request], Awaitable[dict[str, Any]]]]] = {
            "/rank": ("POST", self._rank),
            "/reward": ("POST", self._reward),
            "/health": ("GET", self._health),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers any request; errors are JSON ``{"error": {"code", "message"}}``."""
        assert scope["type"] == "http"
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return _json(await self._found(request)(request))
        except Problem as problem:
            return _error(problem)
        except ClientDisconnect:
            return _error(Problem(400, "invalid_body", "the body ended early"))
        except LogError as error:
            _LOGGER.error("%s", error)
            words = "the log cannot be written, and nothing could be learned from the answer; try again"
            return _error(Problem(503, "log_unavailable", words))
        except RankingFailedError:
            return _error(Problem(500, "internal", "an internal error; it was logged"))
        except Exception:  # the outermost frame: a fault of ours must not show its stack to the client
            _LOGGER.exception("unexpected error")
            return _error(Problem(500, "internal", "an internal error; it was logged"))

    def _found(self, request: Request) -> Callable[[Request], Awaitable[dict[str, Any]]]:
        method, answer = self._paths.get(request.scope["path"], ("", None))
        if answer is None:
            known = ", ".join(f"{method} {path}" for path, (method, _) in self._paths.items())
            raise Problem(404, "not_found", f"no such path; there are {known}")
        if request.method != method and not (method == "GET" and request.method == "HEAD"):
            allowed = "GET, HEAD" if method == "GET" else method
            raise Problem(405, "method_not_allowed", f"allowed: {allowed}", headers={"Allow": allowed})
        return answer

    async def _rank(self, request: Request) -> dict[str, Any]:
        content = await read_json(request, self._bodies, self._max_body)
        now, ranker = self._now(), self._versions.current
        asked, is_batch = self._parser.asked(content, ranker.rankable, now.date())
        ranked = await self._gatherer.rank(ranker, [one.example for one in asked], now.date())
        generated_at = format_timestamp(now)
        answers = [
            {
                "ranking_id": secrets.token_hex(16),
                "user_id": one.user_id,
                "campaign": one.campaign,
                "recommenders": of_user.recommenders,
                "scores": of_user.scores,
                "propensities": of_user.propensities,
                "explored": of_user.explored,
                "use_case": self._use_case,
                "model_version": ranker.version,
                "generated_at": generated_at,
            }
            for one, of_user in zip(asked, ranked, strict=True)
        ]
        self._log.append(
            b"".join(
                ranking_line(answer, one.eligible, one.features)
                for answer, one in zip(answers, asked, strict=True)
            )
        )
        return {"rankings": answers} if is_batch else answers[0]

    async def _reward(self, request: Request) -> dict[str, Any]:
        content = await read_json(request, self._bodies, self._max_body)
        told, _ = self._parser.told(content)
        now = format_timestamp(self._now())
        self._log.append(
            b"".join(reward_line(one.ranking_id, one.occurred_at or now, one.outcomes) for one in told)
        )
        return {"logged": len(told)}

    async def _health(self, _: Request) -> dict[str, Any]:
        current, failed = self._versions.current, self._versions.failed
        health: dict[str, Any] = {
            "status": "ok",
            "use_case": self._use_case,
            "model_version": current.version,
            "loaded_at": format_timestamp(current.loaded_at),
        }
        if failed is not None:
            health["not_loaded"] = {"model_version": failed.version, "error": failed.error}
        return health


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), headers=_HEADERS, media_type="application/json")


def _error(problem: Problem) -> Response:
    # It may quote a lone surrogate, which no answer can hold.
    message = problem.message.encode("utf-8", "backslashreplace").decode("utf-8")
    content = {"error": {"code": problem.code, "message": message}}
    return Response(
        orjson.dumps(content),
        status_code=problem.status,
        headers={**_HEADERS, **problem.headers},
        media_type="application/json",
    )
