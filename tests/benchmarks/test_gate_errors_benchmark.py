"""The benchmark of the gate's error rates in small: it runs, and its pairs differ by exactly the
intended amount.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gate_adversaries, gate_errors
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return load_use_case(gate_errors.USE_CASE)


@pytest.fixture(scope="module")
def truth(use_case: UseCase) -> gate_errors.Truth:
    return gate_errors.Truth.of(use_case, users=2000, seed=3)


def test_a_pair_differs_by_exactly_the_intended_amount(truth: gate_errors.Truth) -> None:
    rng = np.random.default_rng(1)
    model = gate_errors.draw_model(truth, 0.05, rng)
    for change in (-0.01, 0.0, 0.02):
        value = truth.value(model.serving) + change
        mixed = gate_errors.with_value(truth, gate_errors.draw_model(truth, 0.05, rng), value)
        assert truth.value(mixed.serving) == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(mixed.serving.sum(axis=1), 1.0)
        assert not mixed.serving[~truth.eligible].any()
    with pytest.raises(ValueError, match="allowed: between"):
        gate_errors.with_value(truth, model, 0.9)


def test_a_log_is_uniform_over_the_eligible(truth: gate_errors.Truth) -> None:
    log = gate_errors.draw_log(truth, 20_000, np.random.default_rng(2))
    assert truth.eligible[log.user, log.action].all()
    np.testing.assert_allclose(log.propensity, truth.uniform[log.user, log.action])
    assert (log.reward == np.where(log.unsubscribed, -1.0, log.clicked)).all()
    expected = truth.reward[log.user, log.action]
    error = log.reward.std() / np.sqrt(len(log.reward))
    assert log.reward.mean() == pytest.approx(expected.mean(), abs=4 * error)


def test_the_quick_way_gives_the_evaluators_verdict(use_case: UseCase, truth: gate_errors.Truth) -> None:
    rng = np.random.default_rng(5)
    production, model = (gate_errors.draw_model(truth, 0.05, rng) for _ in range(2))
    log = gate_errors.draw_log(truth, 6000, rng)
    whole = gate_errors.verdict_of(use_case, truth, log, model, production)
    _, (_, quick) = gate_errors.judged(use_case, truth, log, model, production, [2000, 6000])
    assert quick.verdict == whole.verdict
    for mine, theirs in zip(quick.checks, whole.checks, strict=True):
        assert (mine.name, mine.passed) == (theirs.name, theirs.passed)
        # A skipped check has no figure.
        assert mine.figure == (theirs.figure and pytest.approx(theirs.figure, rel=1e-6, abs=1e-9))
        assert mine.bound == pytest.approx(theirs.bound, rel=1e-6, abs=1e-9)


@pytest.mark.slow
def test_the_gate_is_not_fooled(use_case: UseCase) -> None:
    """One pair per scenario: no worse candidate is blessed, and wrong propensities never count as right."""
    names = list(gate_adversaries.SCENARIOS)
    found = gate_adversaries.measure(use_case, names, pairs=2, rows=20_000, workers=1, users=3000)
    assert list(found["scenarios"]) == names
    for name, kinds in found["scenarios"].items():
        assert kinds["margin"]["blessed"] == kinds["twice"]["blessed"] == 0.0, name
        if name in ("x 0.2", "x 0.8", "x 5", "deterministic"):
            assert kinds["better"]["blessed"] == kinds["better"]["not_blessed"] == 0.0, name
    assert "| overconfident |" in gate_adversaries.table(found)


@pytest.mark.slow
def test_the_benchmark_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = "--pairs 5 --rows 5000 --largest 10000 --long 4 --workers 1 --users 3000"
    monkeypatch.setattr(
        sys, "argv", ["gate_errors", *arguments.split(), "--json", str(tmp_path / "found.json")]
    )
    gate_errors.main()
    found = json.loads((tmp_path / "found.json").read_text())
    for kind in ("worse", "better", "worse_long"):
        assert sum(found[kind][name] for name in ("blessed", "cannot_tell", "not_blessed")) == pytest.approx(
            1.0
        )
    assert [(entry["rows"], entry["lift"]) for entry in found["power"]] == [
        (size, lift) for size in (5000, 10000) for lift in gate_errors.LIFTS
    ]
    values = found["values"]
    assert values["uniform"] < values["production"] < values["oracle"]
    shown = capsys.readouterr().out
    assert "truly worse by the margin" in shown
    assert "| 10,000 |" in shown
