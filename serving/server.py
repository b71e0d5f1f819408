"""Serves the function on this machine, through functions-framework, in this process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from functions_framework.aio import create_asgi_app_from_module

from . import main
from .config import ConfigError, ServingConfig, SQLiteLocation
from .stores.sqlite import SQLiteStore


def make_app(config: ServingConfig) -> Any:
    """The ASGI application that functions-framework makes from the function."""
    main.configure(config)
    source = str(Path(__file__).with_name("main.py"))
    return create_asgi_app_from_module("recommenders", source, "http", main, main.__spec__)


def serve(
    config: ServingConfig, host: str = "127.0.0.1", port: int = 8080, ready: Callable[[], None] | None = None
) -> None:
    """Serves until Ctrl-C, then returns; SIGTERM ends the process. Requests under way are finished first.

    Args:
      config: what is served.
      host: address to listen on.
      port: port to listen on.
      ready: called when the address is listened on.

    Raises:
      ConfigError: the address cannot be listened on.
      StoreError: the SQLite file is missing, is no store, or holds another use case's rankings.
    """
    if isinstance(config.store, SQLiteLocation):
        store = SQLiteStore(config.store.path, read_only=True)
        try:
            store.require(config.use_case)
        finally:
            store.close()
    app = make_app(config)
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
            )
        )
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
