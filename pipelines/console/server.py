"""Serves the console on this machine alone."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import uvicorn

from newsletter_bandit.errors import SettingsError
from pipelines.console.app import make_app
from pipelines.console.doorway import doorway
from pipelines.console.guard import Access
from pipelines.workspace import Workspace

_LOOPBACK = "127.0.0.1"


def serve(workspace: Workspace, port: int, opened: Callable[[str, str], None]) -> None:
    """Serves until Ctrl-C.

    Args:
      workspace: use case and environment.
      port: to listen on; 0 takes one that is free.
      opened: called once connections are accepted: with the address, key included, and with that of a file
        which leads there and which others cannot read.

    Raises:
      SettingsError: the port cannot be listened on, or the work folder cannot be written.
    """
    try:
        listener = socket.create_server((_LOOPBACK, port))
    except OSError as error:
        raise SettingsError(
            f"--port: cannot listen on {_LOOPBACK}:{port}: {error.strerror}; use another port, or 0 for a "
            "free one"
        ) from error
    with listener:
        access = Access(listener.getsockname()[1])
        config = uvicorn.Config(
            make_app(workspace, access),
            log_level="error",
            access_log=False,  # addresses hold user ids
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        with doorway(workspace.workdir, access.port, access.address) as file:
            opened(access.address, file)
            # uvicorn raises the signal again that ended it.
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
