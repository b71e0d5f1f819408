"""Serves an ASGI application on this machine, in this process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from .config import ConfigError
from .connections import bounded
from .limits import Limits


def listen(
    app: Any,
    host: str,
    port: int,
    ready: Callable[[], None] | None = None,
    limits: Limits | None = None,
) -> None:
    """Serves until Ctrl-C, then returns; SIGTERM ends the process. Requests under way are finished first.

    Args:
      app: the application.
      host: address to listen on.
      port: port to listen on.
      ready: called when the address is listened on.
      limits: bounds for slow or greedy clients; None takes the defaults.

    Raises:
      ConfigError: the address cannot be listened on.
    """
    try:
        listener = socket.create_server((host, port), family=_family(host), backlog=2048)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error}") from error
    with listener:
        # Connections inherit it. uvicorn writes head and body one after the other: without it the body waits
        # until the client has acknowledged the head, 40 ms, and asyncio sets it for sockets that name their
        # protocol alone.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ready is not None:
            ready()
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="error",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=5,
                http=bounded(limits or Limits()),
            )
        )
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
