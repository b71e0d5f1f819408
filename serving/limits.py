"""Bounds that keep slow or greedy clients from taking the endpoint away from the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of `serve`; the last two hold in the Cloud Function as well, before which Google has its own.

    Attributes:
      max_connections: open connections; the next one is answered 503 and closed.
      head_seconds: a request's line and headers must be there after so long, or its connection is answered
        408 and closed.
      body_seconds: likewise for a request's body.
      max_buffered_mib: bodies that are being read hold so much together, MiB; a further one is answered 503.
    """

    max_connections: int = 1000
    head_seconds: float = 5.0
    body_seconds: float = 10.0
    max_buffered_mib: float = 64.0
