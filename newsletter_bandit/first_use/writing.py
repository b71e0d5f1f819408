"""Puts the files of a use case in their places: all of them or none, and never over somebody's work."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.files import write_text


def check_free(texts: Mapping[Path, str]) -> None:
    """Makes sure that no file is there with another content.

    Raises:
      SettingsError: one is, or cannot be read; names it.
    """
    for path, text in texts.items():
        try:
            there = path.read_text(encoding="utf-8") if os.path.lexists(path) else text
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{path}: is there and cannot be read: {error}; use another `name`"
            ) from error
        if there != text:
            raise SettingsError(
                f"{path}: is there already, with another content; nothing was written; use another "
                "`name`, or `overwrite` to replace it"
            )


def write_all(texts: Mapping[Path, str], overwrite: bool = False) -> None:
    """Writes the files, in order; a failure takes away those that this call made.

    Each appears whole. A file that has the content already is left as it is, so a repeated call does nothing,
    and one after a call that was killed makes up for what is missing.

    Args:
      texts: file -> content; folders on the way are made.
      overwrite: replaces what is there.

    Raises:
      SettingsError: a file is there with another content, or cannot be written.
    """
    if not overwrite:
        check_free(texts)
    made: list[Path] = []
    try:
        for path, text in texts.items():
            if overwrite:
                if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
                    write_text(path, text)
            elif not path.exists():
                _write_new(path, text)
                made.append(path)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise SettingsError(f"{error.filename}: {error.strerror}; nothing was written") from error


def _write_new(path: Path, text: str) -> None:
    """Makes the file, whole; raises `FileExistsError` if somebody was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        whole = Path(folder) / path.name
        write_text(whole, text)
        os.link(whole, path)
