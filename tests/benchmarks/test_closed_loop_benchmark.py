"""The benchmark against peers at its smallest, so that it cannot rot; and its targets by hand."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import closed_loop as benchmark
from tests.loop_runs import made

ROOT = Path(__file__).parents[2]
PEERS_PYTHON = ROOT / "benchmarks" / ".venv" / "bin" / "python"


def test_targets_by_hand() -> None:
    done = [
        made("ours", 1, 0.1, 0.28),
        made("ours", 2, 0.1, 0.27),
        made("weak", 1, 0.1, 0.16),
        made("weak", 2, 0.1, 0.14),
        made("peer", 1, 0.1, 0.275),
        made("peer", 2, 0.1, 0.285),
    ]
    found = benchmark.targets(done, ["ours", "weak"], ["peer"])
    assert [target.met for target in found] == [True, False, True, False]
    assert found[1].found == "by -0.0100 or more"
    assert found[2].found == "ours closes 87.5%"
    assert found[3].found == "by -0.0050 (standard error 0.0100)"
    assert benchmark.targets(done[:1], ["ours"], [])[1].met


@pytest.mark.slow
def test_the_table_and_files_of_a_small_run(tmp_path: Path) -> None:
    words = ["--workdir", str(tmp_path), "--weeks", "1", "--seeds", "1", "--newsletters", "2000"]
    words += ["--agent", "lin_ucb"]
    if not PEERS_PYTHON.is_file():
        words.append("--no-peers")
    command = [sys.executable, "-m", "benchmarks.closed_loop", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + "".join(p.read_text() for p in tmp_path.glob("logs/*"))
    folder = tmp_path / "closed_loop"
    with (folder / "closed_loop.csv").open() as file:
        learners = {line["learner"] for line in csv.DictReader(file)}
    targets = json.loads((folder / benchmark.TARGETS_FILE).read_text())
    expected = {"lin_ucb"} | (set(benchmark.PEERS) if PEERS_PYTHON.is_file() else set())
    assert learners == expected
    assert len(targets) == 1 + len(expected)
    assert "Percent of the gap" in done.stdout
    if not PEERS_PYTHON.is_file():
        pytest.skip(
            "the peers' half: benchmarks/.venv is not there (benchmarks/README.md makes it); ours passed"
        )


def test_missing_peers_are_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.closed_loop", "--workdir", str(tmp_path)]
    command += ["--peers-python", str(tmp_path / "python")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such file; make the peers' environment" in done.stderr
