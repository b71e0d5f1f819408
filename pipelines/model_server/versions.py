"""The version that answers: the one in production, taken up anew whenever the registry points elsewhere.

A new one is loaded and tried beside the one that answers, and takes its place in one step. One that cannot be
loaded, or ranks wrongly, is named in the log and in `/health`, and the earlier one goes on.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from newsletter_bandit.errors import DataError, UserError
from newsletter_bandit.registry import Registry
from newsletter_bandit.settings.use_case import UseCase
from pipelines.model_server.examples import Encoder
from pipelines.model_server.ranker import Ranker

_LOGGER = logging.getLogger(__name__)
_TRIED_USERS = 8
_LONGEST_ERROR = 500


@dataclass(frozen=True)
class Failed:
    """A version that is in production and cannot answer.

    Attributes:
      version: its name; "" where not even that is known.
      error: why.
    """

    version: str
    error: str


class Versions:
    """Follows the registry's pointer.

    Args:
      registry: of the use case.
      use_case: today's settings.
      look_every: seconds between two looks at the pointer.
      retry_after: seconds after which a version that failed is tried again.
      now: the clock, UTC.

    Attributes:
      current: the version that answers.
      failed: the version in production, if it is another one that cannot; None otherwise.

    Raises:
      DataError: nothing is in production, or what is cannot be loaded.
    """

    def __init__(
        self,
        registry: Registry,
        use_case: UseCase,
        look_every: float,
        retry_after: float,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._registry = registry
        self._use_case = use_case
        self._look_every = look_every
        self._retry_after = retry_after
        self._now = now
        self._failed_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="versions", daemon=True)
        self.current = self._load(registry.require_current())
        self.failed: Failed | None = None

    def start(self) -> None:
        """Begins to follow the pointer."""
        self._thread.start()

    def close(self) -> None:
        """Stops following; a version that is being loaded is finished first."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Looks at the pointer once, and takes up the version that it names."""
        version = ""
        try:
            version = self._registry.require_current()
            if version == self.current.version:
                self.failed = None
                return
            known = self.failed is not None and self.failed.version == version
            if known and time.monotonic() < self._failed_at + self._retry_after:
                return
            self.current = self._load(version)
        except UserError as error:
            self._fail(version, str(error))
            return
        except Exception as error:  # whatever a broken model raises: the one that answers goes on
            if self._fail(version, f"{type(error).__name__}: {error}"):
                _LOGGER.exception("version %s", version)
            return
        self.failed = None
        _LOGGER.info("version %s answers now", version)

    def _load(self, version: str) -> Ranker:
        """The version, once it has ranked a few users that have no features, and none that may not be.

        Raises:
          DataError: it has not.
        """
        loaded = Ranker(self._registry, version, self._use_case, self._now())
        encoder, day = Encoder(self._use_case), self._now().date()
        users = [encoder.encode(f"user-{i}", "trial", (), {}, day, "") for i in range(_TRIED_USERS)]
        for ranked in loaded.rank(users, day):
            if not ranked.recommenders or not loaded.rankable.issuperset(ranked.recommenders):
                raise DataError(
                    f"version {version}: ranked {ranked.recommenders}; allowed: some of "
                    f"{sorted(loaded.rankable)}"
                )
        return loaded

    def _fail(self, version: str, error: str) -> bool:
        """Notes and logs that the version cannot answer; False if that is known."""
        failed = Failed(version, " ".join(error.split())[:_LONGEST_ERROR])
        is_new, self.failed, self._failed_at = failed != self.failed, failed, time.monotonic()
        if is_new:
            what = f"version {version}" if version else "the version in production"
            _LOGGER.error("%s cannot answer, %s goes on: %s", what, self.current.version, failed.error)
        return is_new

    def _follow(self) -> None:
        while not self._stop.wait(self._look_every):
            self.look()
