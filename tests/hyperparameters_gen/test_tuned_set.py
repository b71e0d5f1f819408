"""The winner, the interval of its gain, and the file that training reads."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from components.hyperparameters_gen.tuned_set import TunedSet, read
from newsletter_bandit.errors import DataError, SettingsError
from pipelines.tuning.result import settings_hash, tuned_set, winner
from pipelines.tuning.search import Score, Trial
from tests.tiny import make_use_case

WINDOW = (dt.date(2026, 10, 12), dt.date(2026, 11, 9))


def trial(number: int, value: float | None, gain: float = 0.0, error: float = 0.01) -> Trial:
    score = None if value is None else Score(value, 0.02, gain, error if number else 0.0)
    values = {"agent.learning_rate": 0.001 * number} if number else {}
    return Trial(number, values, score, 1.0, False)


def written(path: Path, **changes: Any) -> Path:
    best = winner([trial(0, 0.1), trial(1, 0.15, 0.05)], 500, 0.95)
    tuned = tuned_set(make_use_case(), best, 2, 500, WINDOW)
    tuned.write(str(path))
    if changes:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_the_largest_value_wins_and_its_interval_allows_for_the_choice() -> None:
    trials = [trial(0, 0.1), trial(1, 0.12, 0.02), trial(2, None), trial(3, 0.15, 0.05), trial(4, 0.11, 0.01)]
    best = winner(trials, 500, 0.95)
    assert best.trial.number == 3
    # Four sets besides the settings' own: 1.25% of error for each, half of it on either side.
    z = NormalDist().inv_cdf(1 - 0.05 / 4 / 2)
    assert best.gain == pytest.approx((0.05 - 0.01 * z, 0.05 + 0.01 * z))
    assert best.is_better


def test_a_gain_within_its_error_is_not_called_better() -> None:
    assert not winner([trial(0, 0.1), trial(1, 0.12, 0.02, 0.015)], 500, 0.95).is_better
    # One comparison would tell it from 0; the best of nine does not.
    assert winner([trial(0, 0.1), trial(1, 0.12, 0.022)], 500, 0.95).is_better
    assert not winner(
        [trial(0, 0.1), trial(1, 0.12, 0.022), *[trial(i, 0.1) for i in range(2, 10)]], 500, 0.95
    ).is_better


def test_the_default_wins_a_tie() -> None:
    best = winner([trial(0, 0.1), trial(1, 0.1)], 500, 0.95)
    assert best.trial.number == 0
    assert best.gain == (0.0, 0.0)
    assert not best.is_better


def test_no_value_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="diverged"):
        winner([trial(0, None)], 500, 0.95)


def test_the_file_says_what_was_found_and_how(tmp_path: Path) -> None:
    tuned = read(str(written(tmp_path / "hyperparameters" / "tiny.json")), make_use_case())
    assert tuned is not None
    assert tuned.values == {"agent.learning_rate": 0.001}
    found = tuned.found
    assert (found.value, found.standard_error, found.gain, found.trial, found.trials, found.rows) == (
        0.15,
        0.02,
        0.05,
        1,
        2,
        500,
    )
    assert found.window == WINDOW
    assert found.settings == settings_hash(make_use_case())
    assert found.is_better


def test_an_unbounded_interval_is_null(tmp_path: Path) -> None:
    best = winner([trial(0, 0.1), trial(1, 0.15, 0.05, math.nan)], 1, 0.95)
    tuned_set(make_use_case(), best, 2, 1, WINDOW).write(str(tmp_path / "tiny.json"))
    found = json.loads((tmp_path / "tiny.json").read_text())["found"]
    assert (found["gain_low"], found["gain_high"], found["is_better"]) == (None, None, False)


def test_no_file_is_no_set(tmp_path: Path) -> None:
    assert read(str(tmp_path / "tiny.json"), make_use_case()) is None


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "tiny.json")
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    tuned = read(str(path), make_use_case())
    assert isinstance(tuned, TunedSet)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        tuned.model_copy(update={"values": {}}).write(str(path))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.json"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another use case": ({"use_case": "other"}, "use_case: found other; allowed: tiny"),
    "another agent": (
        {"agent": "lin_ucb"},
        "agent: tuned for lin_ucb, but the use case's agent is neural_epsilon_greedy",
    ),
    "unknown key": (
        {"values": {"agent.l2": 1.0}},
        "values.agent.l2: no such hyperparameter; allowed: agent.",
    ),
    "exploration": (
        {"values": {"exploration.epsilon": 0.5}},
        "values.exploration.epsilon: changes no reward",
    ),
    "out of range": (
        {"values": {"agent.learning_rate": 2.0}},
        "values.agent.learning_rate: found 2.0; allowed: a number, more than 0 and at most 1",
    ),
    "unknown field": (
        {"value": 1},
        "value: unknown key; did you mean values; allowed: agent, found, use_case, values",
    ),
    "missing field": ({"found": {}}, "found.value: missing"),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_a_set_that_does_not_fit_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = written(tmp_path / "tiny.json", **changes)
    with pytest.raises(SettingsError) as refusal:
        read(str(path), make_use_case())
    assert str(refusal.value).startswith(f"{path}: {words}")
    assert "tune again with `newsletter-bandit tune`, or delete the file" in str(refusal.value)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"null"])
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tiny.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"tiny\.json: "):
        read(str(path), make_use_case())


def test_the_hash_changes_with_what_a_search_depends_on() -> None:
    ranges = {"agent.epochs": {"low": 1, "high": 3}}
    base = settings_hash(make_use_case(tuning={"ranges": ranges}))
    assert base == settings_hash(make_use_case(tuning={"ranges": ranges, "trials": 99}, serving={}))
    for changes in (
        {"tuning": {"ranges": ranges, "seed": 2}},
        {"tuning": {"ranges": {"agent.epochs": {"low": 1, "high": 4}}}},
        {"tuning": {"ranges": ranges}, "reward": {"terms": {"clicked": 2.0}}},
        {"tuning": {"ranges": ranges}, "gate": {"weight_clip": 10.0}},
        {"tuning": {"ranges": ranges}, "agent": {"type": "lin_ucb"}},
    ):
        assert settings_hash(make_use_case(**changes)) != base
