"""From a raw CSV to a ranking over HTTP, by `init` and the commands that it prints, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.messy_log import SPLIT, write_messy_log

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "pipelines.cli.main"]


def run(words: list[str]) -> str:
    done = subprocess.run(
        [*PROGRAM, *words], cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answer(address: str, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The endpoint's answer, once it is there."""
    while True:
        try:
            with urllib.request.urlopen(address) as response:
                found: dict[str, Any] = json.load(response)
                return found
        except urllib.error.URLError:
            assert server.poll() is None
            time.sleep(0.2)


def test_five_commands_from_a_raw_file_to_a_ranking(tmp_path: Path) -> None:
    last_day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=5)
    log = write_messy_log(tmp_path / "versand.csv", sends=12_000, last_day=last_day)
    folders = ["--to", str(tmp_path / "configs"), "--workdir", str(tmp_path / "work")]
    choice = ["--split", "40/30/10/10/10", "--time-zone", "Europe/Zurich", "--yes"]
    printed = run(["init", str(log), *choice, *folders])
    commands = [shlex.split(line) for line in re.findall(r"^  newsletter-bandit (.*)", printed, re.MULTILINE)]
    assert [words[0] for words in commands] == ["ingest", "train", "predict", "serve"]
    ingest, train, predict, serve = commands
    assert "12,000 of 12,000 rows loaded into versand.training." in run(ingest)
    assert "Blessed" in run(train)
    assert "rankings stored" in run(predict)
    (asked,) = re.findall(r"curl http://127\.0\.0\.1:8080(/\S+)", printed)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([*PROGRAM, *serve, "--port", str(port)], cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        found = answer(f"http://127.0.0.1:{port}{asked}", server)
    finally:
        server.terminate()
        server.wait(timeout=60)
    assert found["source"] == "personalised"
    assert sorted(found["recommenders"]) == sorted(SPLIT)
