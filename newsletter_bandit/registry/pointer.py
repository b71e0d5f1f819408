"""The pointer to the version in production: one small file, changed only in one step with a look at it.

    CURRENT    {"version": "20261123T101500Z-1a2b3c4d", "pinned": true}

`pinned` stands there only while it is true. A reader from before pins ignores it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of
from newsletter_bandit.registry.evidence import Placement
from newsletter_bandit.registry.versions import is_version

FILE = "CURRENT"


@dataclass(frozen=True)
class Pointer:
    """The version in production.

    Attributes:
      version: its name.
      pinned: no training may replace it; somebody rolled back to it, or pinned it.
    """

    version: str
    pinned: bool = False

    def to_bytes(self) -> bytes:
        """Content of the file."""
        content: dict[str, Any] = {"version": self.version}
        if self.pinned:
            content["pinned"] = True
        return records.to_json(content).encode()


class PointerFile:
    """The file, below a folder or in a bucket.

    Args:
      folder: of the use case in the registry.
      available: lists the versions for messages.
    """

    def __init__(self, folder: str, available: Callable[[], str]) -> None:
        self.path = os.path.join(folder, FILE)
        self._files = files_of(folder)
        self._available = available

    def read(self) -> Pointer | None:
        """The pointer as it is now; None if nothing is in production yet.

        Raises:
          DataError: the file is damaged.
        """
        return self._parsed(self._files.latest(self.path))

    def set(self, pointer: Pointer, seen: str | None = None) -> None:
        """Replaces the pointer, whatever it was; a damaged one too.

        Args:
          pointer: the new one.
          seen: version that the caller takes for the one in production; None does not look.

        Raises:
          DataError: ``seen`` is given, and another version is in production; or the file is damaged.
        """

        def change(content: bytes | None) -> bytes:
            if seen is not None:
                self._as_seen(self._parsed(content), seen)
            return pointer.to_bytes()

        self._files.change(self.path, change)

    def place(self, version: str, compared_with: str | None, waits: bool = False) -> Placement:
        """Points at ``version`` if ``compared_with`` is still in production, and not pinned.

        Args:
          version: a published version.
          compared_with: the version that was in production when it was judged; None if nothing was.
          waits: the pointer stays all the same, until the version is signed off.

        Returns:
          What became of it. It is placed too if it is in production already.

        Raises:
          DataError: the file is damaged.
        """
        # The change may be asked several times; the last answer is the one that counts.
        answers: list[Placement] = []

        def change(content: bytes | None) -> bytes | None:
            found = self._parsed(content)
            now = None if found is None else found.version
            if now == version:
                answers.append(Placement("placed", compared_with, compared_with))
                return None
            if now != compared_with:
                answers.append(Placement("superseded", compared_with, now))
                return None
            if found is not None and found.pinned:
                answers.append(Placement("pinned", compared_with, now))
                return None
            if waits:
                answers.append(Placement("waiting", compared_with, now))
                return None
            answers.append(Placement("placed", compared_with, now))
            return Pointer(version).to_bytes()

        self._files.change(self.path, change)
        return answers[-1]

    def pin(self, pinned: bool, seen: str | None = None) -> Pointer:
        """Pins the version in production, or takes its pin away; returns the pointer as it is then.

        Args:
          pinned: whether it is pinned from now on.
          seen: version that the caller takes for the one in production; None does not look.

        Raises:
          DataError: nothing is in production, another version than ``seen`` is, or the file is damaged.
        """
        answers: list[Pointer] = []

        def change(content: bytes | None) -> bytes | None:
            found = self._required(content)
            if seen is not None:
                self._as_seen(found, seen)
            answers.append(replace(found, pinned=pinned))
            return answers[-1].to_bytes()

        # A refusal leaves no folder behind.
        self._required(self._files.latest(self.path))
        self._files.change(self.path, change)
        return answers[-1]

    def _as_seen(self, found: Pointer | None, seen: str) -> None:
        now = "nothing" if found is None else found.version
        if now != seen:
            raise DataError(
                f"{self.path}: production changed meanwhile: it was {seen}, and is {now}; look again"
            )

    def _required(self, content: bytes | None) -> Pointer:
        found = self._parsed(content)
        if found is None:
            raise DataError(f"{self.path}: no such file, nothing is in production; {self._available()}")
        return found

    def _parsed(self, content: bytes | None) -> Pointer | None:
        if content is None:
            return None
        fields = records.parse(content, self.path)
        version = fields.content.get("version")
        if not isinstance(version, str) or not is_version(version):
            raise DataError(
                f"{self.path}: version is {version!r}; {self._available()}. Roll back to one of them."
            )
        return Pointer(version, fields.flag("pinned") if "pinned" in fields else False)
