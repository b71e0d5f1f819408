"""One run of a pipeline at a time in a work folder.

    locks/<pipeline>.lock    {"user": ..., "host": ..., "pid": ..., "since": ...}

The run holds a lock on the file, which the system takes away when the process ends, however it ends. What the
file says is for people, and for the one case that the system does not see: a process that was killed and left
children, which still hold its lock.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from newsletter_bandit import processes, records
from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.reports.durations import duration

FOLDER = "locks"
_GUARD = ".guard"
_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class Holder:
    """The run that has its turn.

    Attributes:
      user, host, pid: who runs it, where, and as which process.
      since: start of its turn, UTC.
    """

    user: str
    host: str
    pid: int
    since: dt.datetime

    @classmethod
    def here(cls) -> Holder:
        """This process, from now on."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a container's account may have no name
            user = str(os.getuid())
        return cls(user, socket.gethostname(), os.getpid(), dt.datetime.now(dt.UTC))

    @classmethod
    def read(cls, path: Path) -> Holder | None:
        """The one that a lock's file names; None if its writer was killed before it wrote that."""
        try:
            found = records.read(str(path))
            since = dt.datetime.fromisoformat(found.text("since"))
            return cls(found.text("user"), found.text("host"), found.whole("pid"), since)
        except (DataError, ValueError):
            return None

    @property
    def content(self) -> dict[str, str | int]:
        """What the lock's file says."""
        return {"user": self.user, "host": self.host, "pid": self.pid, "since": self.since.isoformat()}

    @property
    def is_dead(self) -> bool:
        """Its process is known to have ended; False for one of another machine."""
        return self.host == socket.gethostname() and not processes.lives(self.pid)

    @property
    def words(self) -> str:
        """Such as "process 4711 of ada on shop-1, since 2026-11-23 03:00 UTC (12 min 3 s)"."""
        age = duration((dt.datetime.now(dt.UTC) - self.since).total_seconds())
        return (
            f"process {self.pid} of {self.user} on {self.host}, since {self.since:%Y-%m-%d %H:%M} UTC ({age})"
        )


@contextlib.contextmanager
def turn(workdir: Path, pipeline: str, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Keeps other runs of a pipeline out of a work folder while the block lasts.

    Args:
      workdir: the work folder.
      pipeline: name of the pipeline.
      on_wait: called once, with a sentence, if another run has its turn, whose end is then waited for; None
        refuses instead.

    Raises:
      DataError: another run has its turn, and nobody waits.
      SettingsError: the work folder cannot be written.
    """
    path = workdir / FOLDER / f"{pipeline}.lock"
    told = False
    while isinstance(file := _taken(path), str):
        if on_wait is None:
            raise DataError(f"{path}: {pipeline} is run by {file}; add --wait to wait for its end")
        if not told:
            on_wait(f"{pipeline} is run by {file}. Waiting for its end.")
            told = True
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        with _guarded(path.parent) as guard, file:
            path.unlink(missing_ok=True)
            if not any(name != guard for name in path.parent.iterdir()):
                guard.unlink()
                # Without its guard, others may come into the folder, and take it away.
                with contextlib.suppress(OSError):
                    path.parent.rmdir()


def _taken(path: Path) -> IO[bytes] | str:
    """The locked file; or words on who has locked it."""
    with _guarded(path.parent):
        file = path.open("a+b")
        if not _locked(file):
            file.close()
            holder = Holder.read(path)
            if holder is None:
                return "another process"
            if not holder.is_dead:
                return holder.words
            # What still holds it is left over from a killed run. A new file has no such lock.
            path.unlink()
            file = path.open("a+b")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(records.to_json(Holder.here().content).encode())
        file.flush()
        return file


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[Path]:
    """Nobody else takes or gives back a lock of this folder meanwhile; gives the file that guards it."""
    guard = folder / _GUARD
    while True:
        try:
            # Not by `exist_ok`, which looks again: by then, whoever came before may have taken it away.
            with contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True)
            file = guard.open("ab")
        except FileNotFoundError:  # or by now
            continue
        except OSError as error:
            raise SettingsError(
                f"--workdir: {folder}: {error.strerror}; use a folder that can be written"
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is(file, guard):
                yield guard
                return


def _is(file: IO[bytes], path: Path) -> bool:
    """The open file is the one that the path names now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
