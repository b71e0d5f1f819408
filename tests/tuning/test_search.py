"""The search with an objective that is known: what it draws, keeps, and goes on from."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.agents import TunedRange
from pipelines.tuning.search import RANDOM_TRIALS, Score, Trial, search
from tests.tuning.known_objective import DEFAULT, RANGES, run, worth


class Objective:
    """`worth`, counting its calls."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, Any]] = []

    def __call__(self, values: Mapping[str, Any]) -> Score:
        self.seen.append(values)
        return worth(values)


def sets(trials: list[Trial]) -> list[Mapping[str, Any]]:
    return [trial.values for trial in trials]


def test_the_settings_own_set_comes_first_and_every_value_is_within_its_range(tmp_path: Path) -> None:
    trials = run(tmp_path / "trials.sqlite", worth, 12)
    assert [trial.number for trial in trials] == list(range(12))
    assert trials[0].values == {}
    assert trials[0].score == worth({})
    for trial in trials[1:]:
        assert list(trial.values) == list(RANGES)
        assert 1e-4 <= trial.values["agent.learning_rate"] <= 1e-1
        assert trial.values["agent.epochs"] in range(1, 11)
        assert trial.values["agent.hidden_layers"] in ([8], [64, 32])
        assert trial.score == worth(trial.values)


def test_the_search_nears_the_best_set(tmp_path: Path) -> None:
    trials = run(tmp_path / "trials.sqlite", worth, 30)
    best = [max(trial.score.value for trial in trials[:n] if trial.score) for n in (RANDOM_TRIALS, 30)]
    assert best[0] < best[1]
    assert best[1] > -0.1


def test_a_seed_gives_the_same_sets_and_another_one_others(tmp_path: Path) -> None:
    first, second, other = (
        sets(run(tmp_path / name / "trials.sqlite", worth, 10, seed))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == second
    assert first != other


def test_more_trials_go_on_from_those_there_are(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole" / "trials.sqlite", worth, 14)
    storage, objective = tmp_path / "parts" / "trials.sqlite", Objective()
    run(storage, objective, 5)
    told: list[Trial] = []
    trials = search(RANGES, DEFAULT, objective, 14, 1, storage, "n", told.append)
    assert len(objective.seen) == 14
    assert sets(trials) == sets(whole)
    assert [trial.kept for trial in trials] == [True] * 5 + [False] * 9
    assert told == trials
    assert len(run(storage, objective, 3)) == 14
    assert len(objective.seen) == 14


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tuning.known_objective import run, worth

calls = 0
def objective(values):
    global calls
    calls += 1
    if calls == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return worth(values)

run(Path(sys.argv[1]), objective, 12)
"""


def test_a_killed_search_ends_as_if_it_had_not_been_killed(tmp_path: Path) -> None:
    storage = tmp_path / "killed" / "trials.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(storage)],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    objective = Objective()
    trials = run(storage, objective, 12)
    assert len(objective.seen) == 12 - 4
    assert [trial.kept for trial in trials] == [True] * 4 + [False] * 8
    assert sets(trials) == sets(run(tmp_path / "whole" / "trials.sqlite", worth, 12))


def test_a_search_of_another_name_starts_anew(tmp_path: Path) -> None:
    storage, objective = tmp_path / "trials.sqlite", Objective()
    run(storage, objective, 3, name="one")
    run(storage, objective, 3, name="other")
    assert len(objective.seen) == 6


def test_a_set_that_comes_again_is_not_measured_again(tmp_path: Path) -> None:
    objective = Objective()
    ranges = {"agent.epochs": TunedRange(low=6, high=7)}
    trials = run(tmp_path / "trials.sqlite", objective, 8, ranges=ranges)
    assert len(trials) == 8
    # 6 is the settings' own.
    assert objective.seen == [{}, {"agent.epochs": 7}]
    assert {trial.score for trial in trials if trial.values == {"agent.epochs": 6}} <= {worth({})}


def test_a_default_outside_the_ranges_is_measured_all_the_same(tmp_path: Path) -> None:
    ranges = {
        "agent.learning_rate": TunedRange(low=1e-3, high=1e-2),
        "agent.hidden_layers": TunedRange(choices=([8],)),
    }
    trials = run(tmp_path / "trials.sqlite", worth, 8, ranges=ranges)
    assert trials[0].score == worth({})
    assert all(1e-3 <= trial.values["agent.learning_rate"] <= 1e-2 for trial in trials[1:])


def test_a_set_that_diverges_is_kept_without_a_value(tmp_path: Path) -> None:
    def objective(values: Mapping[str, Any]) -> Score:
        return (
            Score(math.nan, math.nan, math.nan, math.nan)
            if values.get("agent.epochs", 0) > 5
            else worth(values)
        )

    storage = tmp_path / "trials.sqlite"
    trials = run(storage, objective, 12)
    diverged = [trial for trial in trials if trial.score is None]
    assert diverged
    assert all(trial.values["agent.epochs"] > 5 for trial in diverged)
    assert sets(run(storage, objective, 12)) == sets(trials)


def test_a_default_that_diverges_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the settings' own hyperparameters diverged"):
        run(tmp_path / "trials.sqlite", lambda _: Score(math.nan, math.nan, math.nan, math.nan), 3)


def test_a_file_of_something_else_is_refused_and_stays(tmp_path: Path) -> None:
    storage = tmp_path / "trials.sqlite"
    storage.write_text(json.dumps({"not": "a database"}) * 100)
    before = storage.read_bytes()
    with pytest.raises(DataError, match=r"trials\.sqlite: not the record of a search"):
        run(storage, worth, 3)
    assert storage.read_bytes() == before
