"""Removes a user's lines from the log: their rankings, and the outcomes of these."""

from __future__ import annotations

from pathlib import Path

import orjson

from newsletter_bandit import private
from newsletter_bandit.files import filled
from newsletter_bandit.processes import lives
from newsletter_bandit.request_log.lines import SUFFIX
from newsletter_bandit.request_log.reader import read


def forget(folder: Path, user_id: str) -> dict[Path, int]:
    """Removes the user's lines; again, it finds none.

    A file to which a process of this machine still appends stays as it is: call it again once that process
    has begun another, which it does each day, or has ended.

    Args:
      folder: the log; it need not be there.
      user_id: compared byte for byte.

    Returns:
      By file, the lines that were removed.

    Raises:
      DataError: a file is damaged.
    """
    files = sorted(folder.glob(f"*{SUFFIX}"))
    rankings = {
        line.record["ranking_id"]
        for path in files
        for line in read(path)
        if line.record is not None and line.record.get("user_id") == user_id
    }
    removed = {}
    for path in files:
        if rankings and not _grows(path, files):
            gone = _without(path, rankings)
            if gone:
                removed[path] = gone
    return removed


def _without(path: Path, rankings: set[str]) -> int:
    lines = list(read(path))
    kept = [
        line.record
        for line in lines
        if line.record is not None and line.record.get("ranking_id") not in rankings
    ]
    gone = sum(line.record is not None for line in lines) - len(kept)
    if gone:
        with filled(path) as temporary, open(temporary, "xb", opener=private.open_private) as file:
            file.writelines(orjson.dumps(record) + b"\n" for record in kept)
    return gone


def _grows(path: Path, files: list[Path]) -> bool:
    """The file is the newest one of a process that is there."""
    process = _process(path)
    newest = max(one for one in files if _process(one) == process)
    return process is not None and path == newest and lives(process)


def _process(path: Path) -> int | None:
    number = path.name.removesuffix(SUFFIX).rpartition("-")[2]
    return int(number) if number.isdigit() else None
