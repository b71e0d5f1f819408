"""The page by which the command opens the browser without telling others the key.

The address of a page stands among the arguments of the browser's process, which every account of the machine
may read. So the browser is given a file that only this account may read, and that leads to the address.
"""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Iterator
from pathlib import Path

from newsletter_bandit.errors import SettingsError

_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>The console</title>
<meta http-equiv="refresh" content="0; url={address}">
<p><a href="{address}">To the console</a></p></html>
"""


@contextlib.contextmanager
def doorway(folder: Path, port: int, address: str) -> Iterator[str]:
    """Address of a file that leads to ``address``, while the block lasts.

    Args:
      folder: where the file is; a browser in a sandbox of its own may read the work folder, but not /tmp.
      port: of the console, for the file's name.
      address: with the key.

    Raises:
      SettingsError: the folder cannot be written.
    """
    path = folder.absolute() / f"console-{port}.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # of a console that was killed
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(
            f"--workdir: {path}: {error.strerror}; use a folder that can be written"
        ) from error
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(address=html.escape(address)))
    try:
        yield path.as_uri()
    finally:
        path.unlink(missing_ok=True)
