"""Opens the model server on this machine, and closes it in order."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import logging
import sys
from collections.abc import Callable, Iterator

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.registry import Registry
from newsletter_bandit.request_log.writer import LogError, LogWriter
from pipelines.model_server.app import App
from pipelines.model_server.gathering import Gatherer
from pipelines.model_server.versions import Versions
from pipelines.workspace import Workspace

# Seconds until a thread that holds the interpreter lets another one go on. By default 5 ms, which is longer
# than an answer takes.
_SWITCH = 0.0005


def utc_now() -> dt.datetime:
    """The clock."""
    return dt.datetime.now(dt.UTC)


@contextlib.contextmanager
def opened(workspace: Workspace, now: Callable[[], dt.datetime] = utc_now) -> Iterator[tuple[App, Versions]]:
    """The application with the version in production, and what follows the registry; both work until the
    block ends.

    Raises:
      DataError: nothing is in production, or what is cannot be loaded.
      SettingsError: the log cannot be written.
    """
    settings = workspace.environment.model_server
    registry = Registry(workspace.environment.registry, workspace.use_case.name)
    versions = Versions(
        registry, workspace.use_case, settings.look_every_seconds, settings.retry_after_seconds, now
    )
    try:
        log = LogWriter(settings.log, settings.rotate_mib * 2**20, settings.sync_every_seconds, now)
    except LogError as error:
        raise SettingsError(f"model_server.log: {error}") from error
    gatherer = Gatherer(settings.max_batch, settings.gather_ms / 1000.0)
    gatherer.start()
    versions.start()
    try:
        yield App(workspace.use_case, settings, versions, gatherer, log, now), versions
    finally:
        versions.close()
        gatherer.close()
        log.close()


def serve(workspace: Workspace, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serves until it is interrupted or terminated; calls ``ready`` when the address is listened on.

    Raises:
      SettingsError: the address cannot be listened on, or the log cannot be written.
      DataError: nothing is in production, or what is cannot be loaded.
    """
    from serving.config import ConfigError
    from serving.listening import listen

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    sys.setswitchinterval(_SWITCH)
    with opened(workspace) as (app, _):
        # Imported objects stay; otherwise garbage collection would search them again and again while somebody
        # waits.
        gc.freeze()
        try:
            listen(app, host, port, ready)
        except ConfigError as error:
            raise SettingsError(str(error)) from error
