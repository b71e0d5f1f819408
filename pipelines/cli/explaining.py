"""The meaning of an error for whoever called a command, whatever TFX, Beam or a worker wrapped around it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

from newsletter_bandit import private
from newsletter_bandit.errors import DataError, SettingsError, UserError

# Beam appends the step to a message; a worker process hands over a traceback as text.
_STEP_SUFFIX = re.compile(r"(\s*\[while running '[^']*'\])+\s*$")
# The traceback names a class as Python does, by its module.
_KINDS = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in (SettingsError, DataError, UserError)}
_ERROR_IN_TEXT = re.compile(rf"({'|'.join(map(re.escape, _KINDS))}): (.+)")
_INTERRUPT_IN_TEXT = re.compile(r"(^|\n|: )KeyboardInterrupt\s*$")
_OS_ERROR_IN_TEXT = re.compile(r"\w+Error: \[Errno (?P<number>\d+)\] [^:\n]+(: '(?P<path>[^'\n]+)')?")

_NOT_ALLOWED = "give this account the right to it, or use another place"
_WRONG_KIND = "move away what is there, or use another place"
# What the disk says no to, and what a person can do. Other errors of the system are faults of the program.
_TODO = {
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: "use a place that can be written",
    errno.ENOSPC: "make room on the disk, then call the command again",
    errno.EDQUOT: "make room within the quota, then call the command again",
    errno.EIO: "the disk fails: bring the file back from a copy, on another disk",
    errno.EISDIR: _WRONG_KIND,
    errno.ENOTDIR: _WRONG_KIND,
    errno.EEXIST: _WRONG_KIND,
}
_WITHOUT_PATH = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def find_user_error(error: BaseException) -> UserError | None:
    """The fixable error behind ``error``, or what the disk said no to; None without one.

    Its message holds no secret.
    """
    chain = list(_chain(error))
    for current in chain:
        if isinstance(current, UserError):
            return type(current)(private.redacted(_STEP_SUFFIX.sub("", str(current))))
    for current in chain:
        found = _ERROR_IN_TEXT.search(str(current))
        if found:
            return _KINDS[found[1]](private.redacted(_STEP_SUFFIX.sub("", found[2])))
    for current in chain:
        fault = _fault_of_the_disk(current)
        if fault is not None:
            return DataError(private.redacted(fault))
    return None


def was_interrupted(error: BaseException) -> bool:
    """Ctrl-C is behind ``error``; Beam makes an error of its own of what a step is interrupted by."""
    return any(
        isinstance(current, KeyboardInterrupt)
        or _INTERRUPT_IN_TEXT.search(_STEP_SUFFIX.sub("", str(current))) is not None
        for current in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and all that it came from."""
    seen: list[BaseException] = []
    ahead: list[BaseException | None] = [error]
    while ahead:
        current = ahead.pop()
        if current is not None and current not in seen:
            seen.append(current)
            ahead += [current.__context__, current.__cause__]
            yield current


def _fault_of_the_disk(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        number, path = error.errno, error.filename
    else:
        found = _OS_ERROR_IN_TEXT.search(str(error))
        if found is None:
            return None
        number, path = int(found["number"]), found["path"]
    if number not in _TODO or (path is None and number not in _WITHOUT_PATH):
        return None
    where = "" if path is None else f"{os.fsdecode(path)}: "
    return f"{where}{os.strerror(number)}; {_TODO[number]}"
