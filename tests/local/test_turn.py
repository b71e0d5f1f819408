"""Of two runs of a pipeline in one work folder, the second waits, or is told who is there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import DataError, SettingsError
from pipelines.local.turn import turn

ROOT = Path(__file__).parents[2]
PIPELINE = "tiny-training"

# Has its turn until its standard input ends. With an argument more, a child of it inherits the lock.
HOLD = """
import os, sys
from pathlib import Path
from pipelines.local.turn import turn

with turn(Path(sys.argv[1]), "tiny-training"):
    child = os.fork() if len(sys.argv) > 2 else 1
    if child:
        print(child, flush=True)
    sys.stdin.read()
"""


@contextmanager
def somebody(workdir: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that has its turn, and the pid of its child."""
    command = [sys.executable, "-c", HOLD, str(workdir), *more]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


def test_the_second_is_refused_by_name_or_waits(tmp_path: Path) -> None:
    with somebody(tmp_path) as (process, _):
        owner = rf"{PIPELINE} is run by process {process.pid} of \S+ on {socket.gethostname()}, since "
        with pytest.raises(DataError, match=rf"{owner}.* UTC \(.*\); add --wait") as refused:
            turn(tmp_path, PIPELINE).__enter__()
        assert str(tmp_path / "locks" / f"{PIPELINE}.lock") in str(refused.value)
        # Another pipeline does not mind.
        with turn(tmp_path, "tiny-prediction"):
            pass
        told: list[str] = []
        ended = threading.Timer(0.7, lambda: process.stdin and process.stdin.close())
        ended.start()
        with turn(tmp_path, PIPELINE, told.append):
            assert process.wait(timeout=30) == 0
        (words,) = told
        assert words.endswith("Waiting for its end.")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_is_in_nobodys_way(tmp_path: Path) -> None:
    with somebody(tmp_path) as (process, _):
        process.kill()
    assert (tmp_path / "locks" / f"{PIPELINE}.lock").exists()
    with turn(tmp_path, PIPELINE):
        assert json.loads((tmp_path / "locks" / f"{PIPELINE}.lock").read_text())["pid"] == os.getpid()


def test_nor_are_children_that_a_killed_run_left_behind(tmp_path: Path) -> None:
    with somebody(tmp_path, "with a child") as (process, child):
        process.kill()
        process.wait()
        try:
            with turn(tmp_path, PIPELINE), pytest.raises(DataError, match=f"process {os.getpid()} of"):
                turn(tmp_path, PIPELINE).__enter__()
        finally:
            os.kill(child, signal.SIGKILL)


def test_one_may_begin_while_another_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir, rmdir = os.mkdir, Path.rmdir
    first, second = turn(tmp_path, PIPELINE), turn(tmp_path, "tiny-prediction")

    def see(*arguments: Any) -> None:
        """The second begins. Once it has seen the folder, the first ends and takes it away."""
        monkeypatch.undo()
        with pytest.raises(FileExistsError) as there:
            mkdir(*arguments)
        first.__exit__(None, None, None)
        raise there.value

    first.__enter__()
    monkeypatch.setattr(os, "mkdir", see)
    second.__enter__()
    assert (tmp_path / "locks" / "tiny-prediction.lock").exists()

    third = turn(tmp_path, PIPELINE)

    def take_away(folder: Path) -> None:
        """The second ends. Once it has seen nobody else in the folder, the third begins there."""
        monkeypatch.undo()
        third.__enter__()
        rmdir(folder)

    monkeypatch.setattr(Path, "rmdir", take_away)
    second.__exit__(None, None, None)
    with pytest.raises(DataError, match=f"{PIPELINE} is run by process {os.getpid()}"):
        turn(tmp_path, PIPELINE).__enter__()
    third.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"--workdir: .*file/locks: Not a directory; use a folder"):
        turn(tmp_path / "file", PIPELINE).__enter__()
