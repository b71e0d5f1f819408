"""Serves the function on this machine, through functions-framework, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from functions_framework.aio import create_asgi_app_from_module

from . import main
from .config import ServingConfig, SQLiteLocation
from .listening import listen
from .stores.sqlite import SQLiteStore


def make_app(config: ServingConfig) -> Any:
    """The ASGI application that functions-framework makes from the function."""
    main.configure(config)
    source = str(Path(__file__).with_name("main.py"))
    return create_asgi_app_from_module("recommenders", source, "http", main, main.__spec__)


def serve(
    config: ServingConfig, host: str = "127.0.0.1", port: int = 8080, ready: Callable[[], None] | None = None
) -> None:
    """Serves until Ctrl-C, then returns; see `listen`.

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
    listen(make_app(config), host, port, ready, config.limits)
