"""uvicorn's connections, with a bound on their number and a deadline for the head of a request.

uvicorn closes a connection that is idle between two requests, and waits for ever for one that sends its head
byte by byte.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from .limits import Limits


def bounded(limits: Limits) -> type[H11Protocol]:
    """The protocol that uvicorn is given."""

    class Bounded(BoundedProtocol):
        LIMITS = limits

    return Bounded


class BoundedProtocol(H11Protocol):
    """One connection; `bounded` makes the class for some limits."""

    LIMITS = Limits()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._deadline: asyncio.TimerHandle | None = None
        super().connection_made(cast(asyncio.Transport, transport))  # a connection's transport is one
        if len(self.connections) > self.LIMITS.max_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many open connections; try again")
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._deadline is None:
            # The beginning of the next request on a connection that stays open.
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.LIMITS.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "the head of the request came too slowly")

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            *(["retry-after: 1"] if status is HTTPStatus.SERVICE_UNAVAILABLE else []),
            "connection: close",
            "",
            "",
        ]
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()
