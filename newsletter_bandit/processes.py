"""Other processes of this machine."""

from __future__ import annotations

import os


def lives(process: int) -> bool:
    """Whether a process of this machine is there, whoever owns it; another one may have its number since."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
