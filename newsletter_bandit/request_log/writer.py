"""Appends lines to the log. They outlive the process at once, and the machine once they are synced.

    <folder>/20261130T081502.120415Z-4711.jsonl    named by the time of its first line, and the process

Each process writes files of its own. A file is only ever appended to, and a new one is begun at a size and on
a new day. A process or machine that stops may leave a last line without its end, which readers leave out.

Lines hold people's identifiers and features, so files and a new folder are for this account alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from newsletter_bandit import private
from newsletter_bandit.request_log.lines import SUFFIX

_LOGGER = logging.getLogger(__name__)
_TIME = "%Y%m%dT%H%M%S.%fZ"


class LogError(Exception):
    """The log cannot be written; the message names the file and why."""


class LogWriter:
    """The log of one process; one thread appends.

    Args:
      folder: of this machine; made where it is missing.
      rotate: bytes from which a new file is begun.
      sync_every: seconds between two syncs; 0 syncs each append.
      now: the clock, UTC.

    Raises:
      LogError: the folder cannot be made or written.
    """

    def __init__(self, folder: str, rotate: int, sync_every: float, now: Callable[[], dt.datetime]) -> None:
        self._folder = folder
        self._rotate = rotate
        self._sync_every = sync_every
        self._now = now
        self._file = -1
        self._path = ""
        self._day = dt.date.min
        self._size = 0
        self._dirty = False
        # Files that are full, to be synced and closed.
        self._full: list[int] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        try:
            private.make_private_folder(Path(folder))
        except OSError as error:
            raise LogError(f"{folder}: {error.strerror}; use a folder that can be written") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise LogError(f"{folder}: not writable; use a folder that can be written")
        self._thread = threading.Thread(target=self._keep_syncing, name="request log", daemon=True)
        self._thread.start()

    def append(self, lines: bytes) -> None:
        """Appends whole lines, all of them or none.

        Raises:
          LogError: they could not be written.
        """
        try:
            self._append(lines, self._now())
        finally:
            if self._sync_every == 0.0:
                self.sync()  # and closes files that are full, or could not be written

    def sync(self) -> None:
        """Returns once what was appended is on the disk; logs what could not be synced."""
        with self._lock:
            files, self._full = self._full, []
            if self._dirty and self._file >= 0:
                files.append(os.dup(self._file))
            self._dirty = False
        for file in files:
            try:
                os.fsync(file)
            except OSError as error:
                _LOGGER.error("%s: lines may be lost if the machine stops: %s", self._folder, error.strerror)
            finally:
                os.close(file)

    def close(self) -> None:
        """Syncs and closes the log."""
        self._stop.set()
        self._thread.join()
        self.sync()
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _append(self, lines: bytes, now: dt.datetime) -> None:
        with self._lock:
            if self._file >= 0 and (self._size >= self._rotate or now.date() != self._day):
                self._full.append(self._file)
                self._file = -1
            try:
                if self._file < 0:
                    self._open(now)
                self._write(lines)
                if self._sync_every == 0.0:
                    os.fsync(self._file)
            except OSError as error:
                self._give_up()
                raise LogError(f"{self._path or self._folder}: {error.strerror}") from error
            self._size += len(lines)
            self._dirty = self._sync_every > 0.0

    def _open(self, now: dt.datetime) -> None:
        self._path = os.path.join(self._folder, f"{now.strftime(_TIME)}-{os.getpid()}{SUFFIX}")
        # Only one that is new: a line that was torn stays the last of its file.
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        self._file = private.open_private(self._path, flags)
        self._day, self._size = now.date(), 0
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, lines: bytes) -> None:
        left = memoryview(lines)
        while left:
            left = left[os.write(self._file, left) :]

    def _give_up(self) -> None:
        """Takes away what may have been written of the lines; the next ones go to a new file.

        A file without a line goes too: while the disk is full, each try would leave one.
        """
        if self._file >= 0:
            with contextlib.suppress(OSError):  # readers leave out a torn last line
                os.ftruncate(self._file, self._size)
                if self._size == 0:
                    os.unlink(self._path)
            self._full.append(self._file)
            self._file = -1

    def _keep_syncing(self) -> None:
        # Without an interval `append` syncs, and this waits for the end.
        while not self._stop.wait(self._sync_every or None):
            self.sync()
