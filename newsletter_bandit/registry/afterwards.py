"""What is kept beside a version after it is complete: what stood in its way, and people's answers on it.

On this machine all of them are written under the lock of the version's folder. Whoever holds it clears away
what seems left over, and would take the half of a file that another one is writing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable

from newsletter_bandit.files import files_of
from newsletter_bandit.registry.evidence import Placement, SignOffs


class Afterwards:
    """The files `placement.json` and `sign_offs.json` of every version, and its report.

    Args:
      folder: of the use case in the registry.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = files_of(folder)

    def placement(self, version: str) -> Placement | None:
        """What became of the last attempt to put a version into production; None if nothing ever stood in the
        way. Raises `DataError` if the file is damaged.
        """
        path = self._path(version, Placement.FILE)
        content = self._latest(path)
        return None if content is None else Placement.from_json(content, path)

    def was_placed(self, version: str) -> bool:
        """Nothing keeps the version out of production; raises as `placement` does."""
        placement = self.placement(version)
        return placement is None or placement.placed

    def place(self, version: str, placement: Placement) -> None:
        """Keeps what became of an attempt, if something stands in the way, or did."""
        if not placement.placed or self._files.exists(self._path(version, Placement.FILE)):
            self.write(version, Placement.FILE, placement.to_json())

    def write(self, version: str, name: str, text: str) -> None:
        """Makes or replaces a file beside a version."""
        with self._files.locked(os.path.join(self._folder, version)):
            self._files.write(self._path(version, name), io.BytesIO(text.encode()))

    def sign_offs(self, version: str) -> SignOffs:
        """People's answers on a version; raises as `placement` does."""
        path = self._path(version, SignOffs.FILE)
        return _parsed(self._latest(path), path)

    def sign(self, version: str, change: Callable[[SignOffs], SignOffs]) -> None:
        """Replaces the answers on a version, in one step with a look at them; raises as `placement` does.

        Args:
          version: one that is there.
          change: from the answers that are there to the new ones; it may be asked more than once.
        """
        path = self._path(version, SignOffs.FILE)

        def new(content: bytes | None) -> bytes | None:
            before = _parsed(content, path)
            changed = change(before)
            return None if changed == before else changed.to_json().encode()

        self._files.change(path, new)

    def _latest(self, path: str) -> bytes | None:
        # Most versions have no such file. In a bucket, asking that takes less than reading does.
        return self._files.latest(path) if self._files.exists(path) else None

    def _path(self, version: str, name: str) -> str:
        return os.path.join(self._folder, version, name)


def _parsed(content: bytes | None, path: str) -> SignOffs:
    return SignOffs() if content is None else SignOffs.from_json(content, path)
