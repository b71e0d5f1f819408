"""`arms` and the commands below it: what they print, change and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter_bandit.settings.reading import load_use_case
from tests.arms import shop
from tests.cli.conftest import Command


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "shop.yaml"
    file.write_text(shop.SETTINGS)
    return file


def test_a_look_for_a_program(command: Command, tmp_path: Path) -> None:
    workspace = shop.make(tmp_path, rows=6_000)
    options = ["--use-case", workspace.use_case_path, "--workdir", workspace.workdir]
    done = command("arms", *options, "--run-date", shop.RUN_DATE.isoformat(), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["use_case"], found["rows"], found["window"]) == (
        "shop",
        6_000,
        ["2026-01-05", "2026-02-01"],
    )
    assert [one["recommender"] for one in found["recommenders"]] == list(shop.NAMES)
    fresh = found["recommenders"][-1]
    assert (fresh["verdict"], fresh["rows"], fresh["mean_reward"]) == ("cannot_tell", 0, None)
    assert fresh["gain_without"] == {"value": None, "low": None, "high": None}


def test_a_change_is_shown_written_and_explained(command: Command, path: Path, tmp_path: Path) -> None:
    options = ["--use-case", path, "--workdir", tmp_path / "work"]
    done = command("arms", "retire", "bad", *options)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        f"{path}:",
        "  -default_ranking: [a, bad]",
        "  +default_ranking: [a]",
        "  +retired: [bad]",
    ]
    assert lines[4].startswith("bad is retired: the next `newsletter-bandit predict --use-case ")
    assert "It left the default ranking" in done.stdout
    assert load_use_case(path).retired == ("bad",)
    assert "offered again" in command("arms", "add", "bad", *options).stdout
    assert "a is called eh" in command("arms", "rename", "a", "eh", *options).stdout
    added = command("arms", "add", "new", *options).stdout
    assert "first with a probability of 1.0% to 5.0% wherever it is eligible" in added
    found = load_use_case(path)
    assert (found.offered, found.renamed) == (("eh", "b", "c", "bad", "fresh", "new"), {"a": "eh"})


def test_a_dry_run_writes_nothing(command: Command, path: Path, tmp_path: Path) -> None:
    done = command("arms", "add", "new", "--use-case", path, "--workdir", tmp_path / "work", "--dry-run")
    assert done.stdout.splitlines() == [f"{path}:", "  +  - new", "Nothing was written."]
    assert path.read_text() == shop.SETTINGS


def test_options_that_would_be_lost_are_refused(command: Command, path: Path) -> None:
    done = command("arms", "--use-case", path, "retire", "bad")
    assert done.returncode == 2
    assert "--use-case: use it behind `retire`" in done.stderr
    assert path.read_text() == shop.SETTINGS


def test_the_file_of_the_program_is_not_changed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("arms", "retire", "deals")
    assert done.returncode == 2
    assert "the one that comes with the program is not changed" in done.stderr


def test_a_feature_is_a_key_and_a_value(command: Command, path: Path, tmp_path: Path) -> None:
    options = ["--use-case", path, "--workdir", tmp_path / "work"]
    done = command("arms", "add", "new", "--feature", "cheap", *options)
    assert done.returncode == 2
    assert "--feature: found 'cheap'; allowed: KEY=VALUE" in done.stderr


def test_a_split_that_init_wrote_takes_either_name(command: Command, tmp_path: Path) -> None:
    head = "user,sent,variant,clicked,spend\n"
    rows = [f"k{n},2026-11-18 08:00Z,{('Editor’s picks', 'b')[n % 2]},{n % 2},{n}.5" for n in range(60)]
    log = tmp_path / "log.csv"
    log.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    work = ["--workdir", tmp_path / "the work"]
    done = command("init", log, "--split", "equal", "--yes", "--to", tmp_path, *work)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.yaml")
    options = ["--use-case", path, *work]
    new = "Team's picks"
    assert command("arms", "rename", "Editor’s picks", new, *options).returncode == 0
    assert f'"{new}": 0.5' in path.read_text(encoding="utf-8").split("split:")[1]
    assert "Editor’s picks: 0.5" not in path.read_text(encoding="utf-8")
    log.write_text(f"{log.read_text(encoding='utf-8')}k99,2026-11-19 08:00Z,{new},0,5\n", encoding="utf-8")
    done = command("ingest", "training", log, *options)
    assert done.returncode == 0, done.stderr
    assert "61 of 61 rows loaded" in done.stdout
    done = command("arms", "add", "Top verkäufe", *options)
    assert "ingest.training.propensity.split: Top verkäufe has no share there" in done.stdout
    done = command("arms", "retire", "Top verkäufe", *options)
    assert "`newsletter-bandit arms add 'Top verkäufe' --use-case " in done.stdout
    assert f"--workdir '{tmp_path}/the work'`" in done.stdout
