"""The terminal's summary of a search, and a training's summary of the hyperparameters that it used."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.cli import summary
from pipelines.tuning.result import tuned_set, winner
from pipelines.tuning.running import TuningOutcome
from pipelines.tuning.search import Score, Trial
from tests.tiny import make_use_case

WINDOW = (dt.date(2026, 10, 12), dt.date(2026, 11, 9))
TRIALS = [
    Trial(0, {}, Score(0.1, 0.02, 0.0, 0.0), 1.5, True),
    Trial(1, {"agent.learning_rate": 0.5}, None, 1.0, False),
    Trial(2, {"agent.learning_rate": 0.0123456}, Score(0.15, 0.02, 0.05, 0.01), 2.0, False),
    Trial(3, {"agent.learning_rate": 0.0001}, Score(0.05, 0.02, -0.05, 0.01), 2.5, False),
]


def outcome(trials: list[Trial], take_best: bool = False) -> TuningOutcome:
    best = winner(trials, 500, 0.95)
    return TuningOutcome(
        WINDOW,
        {"agent.learning_rate": 0.003, "agent.hidden_layers": (64, 32)},
        trials,
        best,
        tuned_set(make_use_case(), best, len(trials), 500, WINDOW, take_best),
        Path("tiny.json"),
    )


def printed(what: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=140, highlight=False).print(what, soft_wrap=isinstance(what, str))
    return out.getvalue()


def test_the_table_is_sorted_and_marks_default_and_best() -> None:
    lines = printed(summary.trials(outcome(TRIALS))).splitlines()
    assert lines[0].startswith("Reward per newsletter of 4 sets on 500 validation rows")
    rows = [line.split() for line in lines if line.split() and line.split()[0].isdigit()]
    assert [row[0] for row in rows] == ["2", "0", "3", "1"]
    assert rows[0][1:] == ["best", "+0.1500", "0.0200", "+0.0500", "2.0", "0.01235", "[64,", "32]"]
    assert rows[1][1:] == ["default", "+0.1000", "0.0200", "1.5", "0.003", "[64,", "32]"]
    assert rows[3][1:3] == ["diverged", "1.0"]


def test_the_gain_is_told_with_its_interval_and_the_file() -> None:
    text = printed(summary.tuned(outcome(TRIALS)))
    assert "Best: trial 2, agent.learning_rate 0.01235." in text
    assert "Gain over the settings' own: +0.0500, 95% interval +0.0261 to +0.0739" in text
    assert "better than the settings' own." in text
    assert "Written to tiny.json; the next `newsletter-bandit train` uses the best set." in text


def test_a_gain_that_may_be_chance_is_said_to_be() -> None:
    close = Trial(1, {"agent.epochs": 3}, Score(0.11, 0.02, 0.01, 0.01), 1.0, False)
    kept = outcome([TRIALS[0], close])
    text = printed(summary.tuned(kept))
    assert "not distinguishable from the settings' own on these rows" in text
    assert "uses the settings' own. `--take-best` takes the best set all the same." in text
    assert (kept.tuned.values, kept.tuned.found.best) == ({}, {"agent.epochs": 3})
    assert summary.hyperparameters(kept.tuned) == (
        "Hyperparameters: the settings' own; of 2 sets tried on 2026-10-12 to 2026-11-08 (28 days) none was "
        "measurably better."
    )
    forced = outcome([TRIALS[0], close], take_best=True)
    assert forced.tuned.values == {"agent.epochs": 3}
    assert "uses the best set." in printed(summary.tuned(forced))
    assert "No set is better than the settings' own." in printed(
        summary.tuned(outcome([TRIALS[0], TRIALS[3]]))
    )


def test_training_says_which_set_it_used() -> None:
    assert summary.hyperparameters(None) == "Hyperparameters: the settings' own."
    assert summary.hyperparameters(outcome(TRIALS).tuned) == (
        "Hyperparameters: tuned on 2026-10-12 to 2026-11-08 (28 days), best of 4: agent.learning_rate "
        "0.01235."
    )
