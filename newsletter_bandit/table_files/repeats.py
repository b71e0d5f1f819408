"""Files given twice, whose rows would count twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from newsletter_bandit.errors import DataError


def check_different(files: Sequence[Path]) -> None:
    """Makes sure that no two files are the same, or have the same content.

    A file that is missing is left to its reader.

    Raises:
      DataError: two are; names both.
    """
    sizes: dict[int, list[Path]] = {}
    for file in files:
        if file.is_file():
            sizes.setdefault(file.stat().st_size, []).append(file)
    for alike in sizes.values():
        seen: dict[bytes, Path] = {}
        # Only files of one size are read.
        for file in alike if len(alike) > 1 else ():
            digest = _digest(file)
            if digest in seen:
                first = seen[digest]
                same = first.resolve() == file.resolve()
                how = "is given twice" if same else f"has the content of {first}"
                raise DataError(f"{file}: {how}, so its rows would count twice; allowed: each file once")
            seen[digest] = file


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").digest()
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error
