"""Files of a folder or of a bucket behind one interface, and the one way to replace a file or folder as a
whole.

A path with a scheme (``gs://bucket/...``) goes through TFX's file layer, which is imported only then: that
takes seconds and brings TensorFlow. Every other path is this machine's.

On this machine content is first written beside its place, under a hidden name, and reaches the disk before it
takes the place. A writer that is killed leaves the old content or the new, never a part of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Protocol

from newsletter_bandit import buckets
from newsletter_bandit.buckets import Change
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.exchange import exchange
from newsletter_bandit.google import credentials

_PARTIAL = ".partial-"
_LOCK = ".lock"
# Cloud Storage, which has no folders: objects are named with slashes.
_BUCKETS = buckets.SCHEME


class Files(Protocol):
    """The file operations that the rooms need."""

    def exists(self, path: str) -> bool:
        """There is such a file or folder."""

    def names(self, folder: str) -> list[str]:
        """Sorted names in ``folder``; none where it does not exist."""

    def tree(self, folder: str) -> list[str]:
        """Sorted paths, relative to ``folder`` and with slashes, of all files below it."""

    def read(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """Opens a file for reading."""

    def write(self, path: str, content: IO[bytes]) -> None:
        """Makes or replaces a file, whole or not at all; folders on the way are made."""

    def latest(self, path: str) -> bytes | None:
        """Content of a file that `change` replaces, as it is now; None if there is none."""

    def change(self, path: str, new: Change) -> None:
        """Replaces a file by what ``new`` makes of its content, None where there is none; None leaves it.

        No other caller of `change` comes between the look and the write. ``new`` may be asked more than once.
        """

    def filled(self, path: str) -> AbstractContextManager[str]:
        """A path for a library to write to; it becomes ``path`` when the block ends without error."""

    def locked(self, folder: str) -> AbstractContextManager[None]:
        """Keeps other writers out of ``folder``, and clears away what killed ones left."""

    def staged(self, folder: str) -> AbstractContextManager[str]:
        """A place to fill that becomes ``folder``, whatever is there, when the block ends without error."""


class LocalFiles:
    """A folder of this machine: writers take turns by a file lock, which ends with its process."""

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def names(self, folder: str) -> list[str]:
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def tree(self, folder: str) -> list[str]:
        return sorted(
            os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")
            for parent, _, names in os.walk(folder)
            for name in names
        )

    def read(self, path: str) -> AbstractContextManager[IO[bytes]]:
        return open(path, "rb")

    def write(self, path: str, content: IO[bytes]) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with filled(path) as temporary, temporary.open("xb") as file:
            shutil.copyfileobj(content, file)

    def latest(self, path: str) -> bytes | None:
        return Path(path).read_bytes() if os.path.exists(path) else None

    def change(self, path: str, new: Change) -> None:
        with self.locked(os.path.dirname(path)):
            content = self.latest(path)
            changed = new(content)
            if changed is not None and changed != content:
                self.write(path, io.BytesIO(changed))

    @contextlib.contextmanager
    def filled(self, path: str) -> Iterator[str]:
        with filled(path) as temporary:
            yield str(temporary)

    @contextlib.contextmanager
    def locked(self, folder: str) -> Iterator[None]:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, _LOCK), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Whoever holds the lock is alone, so a partial file or folder has no owner any more.
            for name in os.listdir(folder):
                if name.startswith(_PARTIAL):
                    path = os.path.join(folder, name)
                    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            yield

    @contextlib.contextmanager
    def staged(self, folder: str) -> Iterator[str]:
        with filled_folder(folder) as temporary:
            yield str(temporary)


class RemoteFiles:
    """A bucket, through TFX's file layer: an object appears whole when it is closed, folders do not exist.

    There is neither lock nor rename of a folder. Readers must take a folder for complete by the file that is
    written last, and two writers of one folder must write the same. A single object of Cloud Storage is
    changed under a precondition; other schemes know none, so there two writers of one moment may overwrite
    each other.

    A file that is missing is a `FileNotFoundError`, as on this machine; what else fails a `SettingsError`.
    """

    def __init__(self) -> None:
        from tfx.dsl.io import fileio

        self._io: Any = fileio

    def exists(self, path: str) -> bool:
        with _explained(path):
            return bool(self._io.exists(path))

    def names(self, folder: str) -> list[str]:
        return sorted(name.rstrip("/") for name in self._listing(folder))

    def tree(self, folder: str) -> list[str]:
        # Not by TFX's walk, which passes over a folder that it cannot list.
        found = []
        for name in self._listing(folder):
            path = os.path.join(folder, name)
            if name.endswith("/") or self._io.isdir(path):
                found += [os.path.join(name, inner) for inner in self.tree(path)]
            else:
                found.append(name)
        return sorted(found)

    @contextlib.contextmanager
    def read(self, path: str) -> Iterator[IO[bytes]]:
        with _explained(path), self._io.open(path, "rb") as file:
            yield file

    def write(self, path: str, content: IO[bytes]) -> None:
        # Read to its end first: closing the object would publish what was copied before the source failed.
        body = content.read()
        with _explained(path):
            if not path.startswith(_BUCKETS):
                self._io.makedirs(os.path.dirname(path))
            with self._io.open(path, "wb") as file:
                file.write(body)

    def latest(self, path: str) -> bytes | None:
        if path.startswith(_BUCKETS):
            return buckets.read(path)
        if not self.exists(path):
            return None
        with self.read(path) as file:
            return file.read()

    def change(self, path: str, new: Change) -> None:
        if path.startswith(_BUCKETS):
            buckets.change(path, new)
            return
        content = self.latest(path)
        changed = new(content)
        if changed is not None and changed != content:
            self.write(path, io.BytesIO(changed))

    @contextlib.contextmanager
    def filled(self, path: str) -> Iterator[str]:
        # Always the same name: what a killed worker left, the retry of its work replaces.
        temporary = f"{path}.temporary"
        yield temporary
        with _explained(path):
            self._io.rename(temporary, path, overwrite=True)

    def _listing(self, folder: str) -> list[str]:
        # Not `isdir`, which answers no where it may not look.
        if not self.exists(folder):
            return []
        with _explained(folder):
            return list(self._io.listdir(folder))

    @contextlib.contextmanager
    def locked(self, folder: str) -> Iterator[None]:  # noqa: ARG002
        yield

    @contextlib.contextmanager
    def staged(self, folder: str) -> Iterator[str]:
        yield folder


def files_of(path: str) -> Files:
    """The file system that ``path`` lies in.

    Raises:
      SettingsError: it is a bucket of Google's, and there are no credentials.
    """
    if "://" not in path:
        return LocalFiles()
    if path.startswith(_BUCKETS):
        _require_credentials()
    return RemoteFiles()


def copy_tree(source: str, target: str) -> None:
    """Copies all files below ``source`` into ``target``, each of which may be a folder or in a bucket."""
    reader, writer = files_of(source), files_of(target)
    for name in reader.tree(source):
        with reader.read(os.path.join(source, name)) as content:
            writer.write(os.path.join(target, name), content)


def read_bytes(path: str) -> bytes:
    """Content of a file."""
    with files_of(path).read(path) as file:
        return file.read()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Makes or replaces a file, whole or not at all; folders on the way are made."""
    files_of(str(path)).write(str(path), io.BytesIO(content))


def write_text(path: str | Path, text: str) -> None:
    """Makes or replaces a file of UTF-8, whole or not at all; folders on the way are made."""
    write_bytes(path, text.encode("utf-8"))


@contextlib.contextmanager
def filled(path: str | Path) -> Iterator[Path]:
    """A path for a library to write to; it becomes ``path`` when the block ends without error.

    Args:
      path: a file of this machine, there or not; its folder exists.

    Yields:
      A path in the same folder at which nothing is yet.
    """
    target = Path(path)
    temporary = _beside(target)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(target.parent)


@contextlib.contextmanager
def filled_folder(folder: str | Path, replace: bool = True) -> Iterator[Path]:
    """An empty folder to fill; it becomes ``folder`` when the block ends without error.

    The two change places in one step where the system can do that, as Linux can. A writer that is killed then
    leaves the earlier folder or the new one. Elsewhere it takes two renames: killed between them, a writer
    leaves no ``folder``, and the earlier one beside it under a hidden name. It never leaves a part of either.

    Args:
      folder: on this machine, there or not; folders on the way are made.
      replace: whether it takes the place of a folder that is there. Without, the earlier one stays, and what
        was filled is dropped: for writers that all make the same, while others already read it.

    Yields:
      The empty folder, which lies beside ``folder``.
    """
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary, earlier = _beside(target), _beside(target)
    temporary.mkdir()
    try:
        yield temporary
        for parent, _, names in os.walk(temporary, topdown=False):
            for name in names:
                _sync(Path(parent, name))
            _sync(Path(parent))
        if not (replace and target.is_dir() and exchange(temporary, target)):
            if replace and target.is_dir():
                os.rename(target, earlier)
            try:
                os.rename(temporary, target)
            except OSError:
                if replace or not target.is_dir():
                    raise
        _sync(target.parent)
    finally:
        # After an exchange, the earlier one.
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(earlier, ignore_errors=True)


@functools.cache
def _require_credentials() -> None:
    # TensorFlow continues without any, and is refused in many more words.
    credentials()


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such file or bucket", path) from error
    except tf.errors.PermissionDeniedError as error:
        raise SettingsError(
            f"{path}: permission denied: {_said(error)}; grant the account the missing role on the bucket, "
            "such as roles/storage.objectUser"
        ) from error
    except tf.errors.OpError as error:
        raise SettingsError(f"{path}: {_said(error)}") from error


def _said(error: Any) -> str:
    # TensorFlow adds the request and the body of its answer, over many lines.
    return " ".join(str(error.message).split())[:300]


def _beside(path: Path) -> Path:
    # The name at the end: some libraries choose a format by it.
    return path.with_name(f"{_PARTIAL}{secrets.token_hex(4)}-{path.name}")


def _sync(path: Path) -> None:
    # A file's content is on disk only then, and a rename only when its folder is.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
