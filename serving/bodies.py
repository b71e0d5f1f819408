"""The bodies of requests, read within bounds of size, time, and memory of all together."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from .limits import Limits
from .problem import Problem

# 500 ids of 1500 bytes, each escaped in JSON, fit twice.
MAX_BODY_BYTES = 4 * 1024 * 1024
# So many times the bound is read and discarded, so that a client that is still sending sees the answer.
_DISCARDED = 8
_MIB = 1024 * 1024
_CLOSE = {"Connection": "close"}


class Bodies:
    """Reads bodies for one event loop.

    Args:
      limits: how long one may take, and how much all that are being read may hold.
    """

    def __init__(self, limits: Limits) -> None:
        self._seconds = limits.body_seconds
        self._most = int(limits.max_buffered_mib * _MIB)
        self._held = 0

    async def read(self, request: Request, most: int = MAX_BODY_BYTES) -> bytes:
        """The body.

        Args:
          request: the request, whose body nobody has read.
          most: bytes that the body may have.

        Raises:
          Problem: 413 for one that is too large, 408 for one that comes too slowly, 503 where the others hold
            too much.
        """
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                await self._receive(request, chunks, most)
        except TimeoutError:
            raise Problem(408, "request_timeout", "the body came too slowly", headers=_CLOSE) from None
        finally:
            self._held -= sum(map(len, chunks))
        return b"".join(chunks)

    async def _receive(self, request: Request, chunks: list[bytes], most: int) -> None:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= most:
                if self._held + len(chunk) > self._most:
                    raise Problem(
                        503,
                        "busy",
                        "too many large requests at once; try again",
                        headers={**_CLOSE, "Retry-After": "1"},
                    )
                self._held += len(chunk)
                chunks.append(chunk)
            elif size > _DISCARDED * most:
                break
        if size > most:
            raise Problem(413, "body_too_large", f"the body is larger than {most} bytes")
