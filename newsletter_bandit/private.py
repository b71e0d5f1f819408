"""What others may not read: secrets in logs and messages, and files of this account alone.

A secret is hidden from the moment on that `hide` has seen it: in every record of Python's logging, whatever
library writes it, and in every text that goes through `redacted`.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
# A shorter secret is also a part of other words, and is replaced between quotes alone.
_SHORT = 4
_ESCAPES = {"\\": r"\\", '"': r"\"", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t"}

# Spellings of all secrets, the longest first.
_spellings: list[str] = []


def hide(secret: str) -> None:
    """Keeps a secret out of logs and messages from now on; an empty one is none."""
    if not secret:
        return
    if not _spellings:
        _redact_logging()
    found = {*_spellings, *_spelled(secret)}
    _spellings[:] = sorted(found, key=lambda spelling: (-len(spelling), spelling))


def redacted(text: str) -> str:
    """The text with `HIDDEN` in the place of each secret, however it is escaped."""
    for spelling in _spellings:
        text = text.replace(spelling, HIDDEN)
    return text


def make_private_folder(folder: Path) -> None:
    """Makes a folder that this account alone may look into; one that is there stays as it is.

    Folders on the way to it are made as usual.

    Raises:
      OSError: it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def open_private_log(path: Path) -> TextIO:
    """A file to append lines to that this account alone may read; one that is there keeps its rights.

    Raises:
      OSError: it cannot be opened.
    """
    return open(path, "a", encoding="utf-8", errors="replace", opener=open_private)


def open_private(path: str | Path, flags: int) -> int:
    """The descriptor of a file as `os.open` gives it; one that it makes is for this account alone.

    Raises:
      OSError: it cannot be opened.
    """
    return os.open(path, flags, 0o600)


def _spelled(secret: str) -> set[str]:
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in secret)
    # As the text of a protocol buffer.
    octal = "".join(letter if ord(letter) < 128 else _octal(letter) for letter in escaped)
    found = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret), quote_plus(secret)}
    found |= {escaped, octal}
    return {f'"{spelling}"' for spelling in found} if len(secret) < _SHORT else found


def _octal(letter: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in letter.encode())


def _redact_logging() -> None:
    make = logging.getLogRecordFactory()

    def make_redacted(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        message = record.getMessage()
        hidden = redacted(message)
        if hidden != message:
            record.msg, record.args = hidden, ()
        if record.exc_info and record.exc_info[1] is not None:
            # What a formatter would make of it, made here.
            record.exc_text = redacted("".join(traceback.format_exception(record.exc_info[1])).rstrip("\n"))
        return record

    logging.setLogRecordFactory(make_redacted)
