"""Two folders or files that change places in one step, which Python's `os` does not offer.

Linux has a system call for it, `renameat2` with RENAME_EXCHANGE, in glibc from 2.28 on. Other systems and
some file systems cannot do it.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Callable
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# A kernel, a file system, or a container's filter of system calls that does not know it.
_UNABLE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV}


def exchange(one: Path, other: Path) -> bool:
    """True if the two have changed places; False if the system cannot do it, and nothing has changed.

    Args:
      one, other: of one file system, both there.

    Raises:
      OSError: as `os.rename`, such as for a path that is not there.
    """
    renameat2 = _renameat2()
    if renameat2 is None:
        return False
    places = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    if renameat2(*places, _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    try:
        found = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # another system's C library, or none to be found
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return found
