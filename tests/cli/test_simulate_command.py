"""The command `simulate` with worlds of files: which one is played, and what is said without one."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from tests.cli.conftest import Command
from tests.simulation.declared import small

USE_CASE = """
name: teasers
recommenders: [picks, deals]
default_ranking: [deals]
tables: {training: teasers.training, inference: teasers.inference}
features: {device: {type: string}, items: {type: number}}
reward: {terms: {basket: {weight: 1, clip: [0, 100]}}}
attribution_days: 1
agent: {type: lin_ucb}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "configs" / "teasers.yaml"
    path.parent.mkdir()
    path.write_text(USE_CASE)
    return path


def test_the_world_beside_the_use_case_or_of_the_option_is_played(file: Path, command: Command) -> None:
    beside = file.parent / "worlds" / "teasers.yaml"
    beside.parent.mkdir()
    beside.write_text(yaml.safe_dump(small(), sort_keys=False))
    other = file.with_name("other.yaml")
    other.write_text(yaml.safe_dump(small(subjects={"ids": "user-", "come": "weekly"}), sort_keys=False))
    sizes = ("--newsletters", "300", "--users", "20", "--run-date", "2026-11-23")
    for number, (options, first) in enumerate((((), "visit-0"), (("--world", other), "user-0"))):
        workdir = file.parent / str(number)
        done = command("simulate", "--use-case", file, "--workdir", workdir, *sizes, *options)
        assert done.returncode == 0, done.stderr
        log = pq.read_table(workdir / "raw" / "training.parquet")
        assert log["user_id"][0].as_py().startswith(first)
        assert set(log["recommender"].to_pylist()) == {"picks", "deals"}
        assert max(log["basket"].to_pylist()) > 5.0


def test_without_a_world_it_says_where_to_describe_one(file: Path, command: Command) -> None:
    done = command("simulate", "--use-case", file, "--workdir", file.parent / "w")
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "use case teasers: recommenders: the simulated world does not know ['picks']" in said
    assert "worlds/teasers.yaml (docs/use_cases.md)" in said.replace(" ", "").replace("(docs", " (docs")
