"""A file of evidence: one reader, one writer, and the number of its format.

A file without a number was written before formats were counted; it has the fields of format 1.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of, write_text
from newsletter_bandit.records import Fields

Figure = float | None  # None where it is unknown
FORMAT = 1
_FIRST = 1
_KEY = "format"


class Record(ABC):
    """Base of the records; `FILE` is the name of a record's file."""

    FILE: ClassVar[str]

    @classmethod
    @abstractmethod
    def of(cls, fields: Fields) -> Self:
        """The record that a file's fields hold; raises `DataError` if they hold none."""

    @abstractmethod
    def body(self) -> dict[str, Any]:
        """The fields as JSON values; inverse of `of`."""

    def content(self) -> dict[str, Any]:
        """Content of the file: the format, then the fields."""
        return {_KEY: FORMAT, **self.body()}

    def to_json(self) -> str:
        """Text of the file; numbers are finite or null."""
        return records.to_json(self.content())

    @classmethod
    def from_json(cls, text: str | bytes, source: str | None = None) -> Self:
        """Inverse of `to_json`.

        Args:
          text: text of the file.
          source: name of the file in messages; None for `FILE`.

        Raises:
          DataError: the text is not such a record, or one of another format.
        """
        return cls.nested(records.parse(text, source or cls.FILE))

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Self:
        """The record in ``folder``, on this machine or in a bucket; raises as `from_json` does."""
        return cls.nested(records.read(os.path.join(folder, cls.FILE)))

    @classmethod
    def if_there(cls, folder: str | os.PathLike[str]) -> Self | None:
        """As `read`; None where the folder has no such file."""
        path = os.path.join(folder, cls.FILE)
        return cls.read(folder) if files_of(path).exists(path) else None

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Makes or replaces the file in ``folder``, whole or not at all."""
        write_text(os.path.join(folder, self.FILE), self.to_json())

    @classmethod
    def nested(cls, fields: Fields) -> Self:
        """The record that an object inside another file holds, its format included; raises as `from_json`."""
        found = fields.whole(_KEY) if _KEY in fields else _FIRST
        if found != FORMAT:
            raise DataError(
                f"{fields.source}: {_KEY} is {found}; allowed: {FORMAT}, or none. Read it with the version "
                "of newsletter-bandit that wrote it, or train and publish the model again."
            )
        return cls.of(fields)
