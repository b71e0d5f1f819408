"""Files of the log: begun anew, read while they grow, and after a machine that stopped."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.request_log.forgetting import forget
from newsletter_bandit.request_log.lines import ranking_line, reward_line
from newsletter_bandit.request_log.reader import log_files, read
from newsletter_bandit.request_log.writer import LogError, LogWriter


class Clock:
    """Goes on by a second with each look."""

    def __init__(self) -> None:
        self.now = dt.datetime(2026, 11, 30, 8, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(seconds=1)
        return self.now


def numbers(folder: Path) -> list[list[int | None]]:
    """Of each file, the numbers in its lines; None for a torn one."""
    return [
        [None if line.record is None else line.record["outcomes"]["n"] for line in read(path)]
        for path in log_files([folder])
    ]


def line(n: int) -> bytes:
    return reward_line("id", "2026-11-30T08:00:00Z", {"n": n})


def test_a_new_file_at_a_size_and_on_a_new_day(tmp_path: Path) -> None:
    clock = Clock()
    log = LogWriter(str(tmp_path / "log"), rotate=2 * len(line(0)), sync_every=0.01, now=clock)
    for n in range(5):
        log.append(line(n))
    clock.now += dt.timedelta(days=1)
    log.append(line(5) + line(6))
    # Readable before it is closed.
    assert numbers(tmp_path / "log") == [[0, 1], [2, 3], [4], [5, 6]]
    log.close()
    assert [path.name for path in log_files([tmp_path / "log"])] == [
        f"{time}.000000Z-{os.getpid()}.jsonl"
        for time in ("20261130T080001", "20261130T080003", "20261130T080005", "20261201T080006")
    ]


def test_this_account_alone_reads_the_log_also_where_somebody_was_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log = LogWriter(str(folder), rotate=1, sync_every=1.0, now=Clock())
    for user in ("gone", "stays"):
        log.append(ranking_line({"ranking_id": user, "user_id": user}, [], {"age": 41}) + line(0))
    log.append(line(1))
    log.close()
    (forgotten,) = forget(folder, "gone")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in log_files([folder])] == [0o600] * 3
    assert forgotten.read_bytes() == line(0)


def test_a_torn_last_line_is_told_apart_and_another_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(0) + line(1)[:-9])
    assert numbers(tmp_path) == [[0, None]]
    file.write_bytes(line(0)[:-9] + b"\n" + line(1))
    with pytest.raises(DataError, match=r"a\.jsonl: line 1: not JSON"):
        numbers(tmp_path)
    empty = tmp_path / "nowhere"
    empty.mkdir()
    with pytest.raises(DataError, match=r"nowhere: no \.jsonl file"):
        log_files([empty])


def open_files(folder: Path) -> list[Path]:
    """Files of the folder that this process has open."""
    found = []
    for descriptor in range(512):
        with contextlib.suppress(OSError):  # not in use
            opened = os.fstat(descriptor)
            found += [path for path in folder.iterdir() if os.path.samestat(path.stat(), opened)]
    return found


@pytest.mark.parametrize("sync_every", [0.0, 0.01])
def test_of_many_full_files_none_stays_open(tmp_path: Path, sync_every: float) -> None:
    log = LogWriter(str(tmp_path), rotate=1, sync_every=sync_every, now=Clock())
    for n in range(5):
        log.append(line(n))
    deadline = time.monotonic() + 10.0
    while sync_every and len(open_files(tmp_path)) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_files(tmp_path) == [max(tmp_path.iterdir())]
    log.close()
    assert open_files(tmp_path) == []
    assert numbers(tmp_path) == [[0], [1], [2], [3], [4]]


def test_lines_that_could_not_be_written_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full after half a line."""
    log = LogWriter(str(tmp_path), rotate=1 << 20, sync_every=0.0, now=Clock())
    log.append(line(0))
    write: Callable[..., int] = os.write
    left = [10, 0, 0]

    def full(file: int, content: bytes) -> int:
        room = left.pop(0)
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, bytes(content)[:room])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        # The second try is the first line of a new file, which goes.
        for _ in range(2):
            with pytest.raises(LogError, match="No space left on device"):
                log.append(line(1))
        assert len(list(tmp_path.iterdir())) == 1
    log.append(line(2))
    log.close()
    assert numbers(tmp_path) == [[0], [2]]
