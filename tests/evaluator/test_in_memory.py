"""The Evaluator over arrays: verdicts of whole logs, and the same figures however the rows are split."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from components.evaluator.in_memory import evaluate
from components.evaluator.rows import Outcome
from newsletter_bandit.errors import DataError
from tests.evaluator.model_outputs import EVEN, K, Outputs, model
from tests.tiny import make_use_case


def outcome(
    n: int, seed: int, rate: npt.NDArray[np.float64], logging: npt.NDArray[np.float64], loss: float = 0.0
) -> tuple[Outcome, npt.NDArray[np.int64]]:
    """A log of ``logging`` [K] with click rates [K], of whose clicks a share ``loss`` ends in an
    unsubscribe.
    """
    rng = np.random.default_rng(seed)
    action = rng.choice(K, n, p=logging)
    clicked = rng.random(n) < rate[action]
    unsubscribed = clicked & (rng.random(n) < loss)
    reward = clicked.astype(float) - 2.0 * unsubscribed
    users = np.array([f"u{i}" for i in range(n)], dtype=object)
    return Outcome(reward, logging[action], clicked, unsubscribed, users), action


RATE = np.array([0.1, 0.2, 0.4])


def test_a_better_candidate_is_blessed_and_a_worse_one_is_not() -> None:
    use_case = make_use_case()
    log, action = outcome(20_000, 1, RATE, EVEN)
    good = model(action, [0.05, 0.05, 0.9], [0.1, 0.2, 0.4])
    bad = model(action, [0.9, 0.05, 0.05], [0.1, 0.2, 0.4])
    figures, verdict = evaluate(use_case, log, good, bad, "v1")
    assert (verdict.verdict, verdict.compared_with) == ("blessed", "v1")
    assert figures.difference.value == pytest.approx(0.85 * 0.3, abs=0.05)
    assert evaluate(use_case, log, bad, good, "v1")[1].verdict == "not_blessed"
    _, first = evaluate(use_case, log, good)
    assert (first.verdict, first.compared_with) == ("blessed", "logging policy")
    # All rows look alike, and where the default is worse there is no floor.
    assert figures.score_floor.value is None


def test_a_log_that_hardly_supports_the_candidate_is_refused_with_a_reason() -> None:
    n = 10_000
    rng = np.random.default_rng(7)
    action = np.zeros(n, dtype=np.int64)
    action[[17, 4711]] = 2
    log = Outcome(
        reward=(rng.random(n) < 0.1).astype(float),
        propensity=np.where(action == 2, 0.0002, 0.9998),
        clicked=np.ones(n),
        unsubscribed=np.zeros(n),
        user_id=np.array([f"u{i}" for i in range(n)], dtype=object),
    )
    # The candidate takes what the log has shown twice.
    figures, verdict = evaluate(make_use_case(), log, model(action, [0.0, 0.0, 1.0], [0.1, 0.2, 0.4]))
    assert figures.candidate.serving_policy.weights.effective_sample_size == 2.0
    assert verdict.verdict == "cannot_tell"
    refused = {check.name: check.detail for check in verdict.checks if check.passed is False}
    assert refused["effective sample size"] == "2 is not >= 200 (rows that the importance weights leave)"
    assert refused["largest weight"].startswith(
        "5,000 is not <= 250 (largest importance weight; 0.0% of rows"
    )


def test_a_candidate_that_loses_readers_is_stopped_whatever_it_earns() -> None:
    use_case = make_use_case(gate={"max_unsubscribe_ratio": 1.2, "allowed_margin": "99%"})
    log, action = outcome(20_000, 3, RATE, EVEN, loss=0.2)
    eager = model(action, [0.0, 0.0, 1.0], [0.1, 0.2, 0.4])
    figures, verdict = evaluate(use_case, log, eager)
    # Its newsletters are clicked, and left, 0.4 / 0.233 times as often.
    assert figures.unsubscribes.ratio == pytest.approx(0.4 / RATE.mean(), abs=0.1)
    assert figures.unsubscribes.value == pytest.approx(0.08, abs=0.01)
    assert verdict.verdict == "not_blessed"
    assert [check.name for check in verdict.checks if check.passed is False] == ["unsubscribes"]


def test_a_candidate_that_loses_readers_who_never_click_is_stopped_too() -> None:
    # The reward of an unsubscribe without a click is 0 with `after_click`; the cap counts it all the same.
    use_case = make_use_case(gate={"max_unsubscribe_ratio": 1.2})
    log, action = outcome(20_000, 3, RATE, EVEN)
    left = ~log.clicked & (np.random.default_rng(4).random(20_000) < np.array([0.01, 0.01, 0.1])[action])
    eager = model(action, [0.0, 0.0, 1.0], [0.1, 0.2, 0.4])
    figures, verdict = evaluate(use_case, dataclasses.replace(log, unsubscribed=left), eager)
    assert figures.logging_policy.unsubscribe_rate == left.mean() > 0.02
    assert figures.logging_policy.unsubscribe_after_click_rate == 0.0
    assert verdict.verdict == "not_blessed"
    assert "unsubscribes" in [check.name for check in verdict.checks if check.passed is False]


def test_a_chain_of_small_losses_is_stopped_by_the_reference() -> None:
    """Ten retrainings, each 4% worse than the last, of which a tenth may be lost."""
    use_case = make_use_case()
    log, action = outcome(60_000, 11, RATE, EVEN)

    def worth(value: float) -> Outputs:
        worst = (RATE[2] - value) / (RATE[2] - RATE[0])
        return model(action, [worst, 0.0, 1.0 - worst], [0.1, 0.2, 0.4])

    chain = [worth(0.4 * 0.96**step) for step in range(11)]
    alone, referred = [], []
    for step in range(1, 11):
        before = chain[step - 1]
        alone.append(evaluate(use_case, log, chain[step], before, f"v{step - 1}")[1])
        if step > 1:
            _, verdict = evaluate(
                use_case,
                log,
                chain[step],
                before,
                f"v{step - 1}",
                reference=chain[0],
                reference_name="v0",
            )
            referred.append(verdict)
    assert all(verdict.blessed for verdict in alone)
    # 7.8% are lost by the second, 11.5% by the third, and 33.5% in the end.
    assert [verdict.verdict for verdict in referred] == ["blessed", *["not_blessed"] * 8]
    assert {verdict.failed for verdict in referred[1:]} == {("value against the reference",)}
    assert {verdict.reference for verdict in referred} == {"v0"}


def test_the_log_may_be_the_reference() -> None:
    use_case = make_use_case(gate={"reference": {"policy": "logged"}})
    log, action = outcome(20_000, 1, RATE, EVEN)
    good = model(action, [0.05, 0.05, 0.9], [0.1, 0.2, 0.4])
    bad = model(action, [0.9, 0.05, 0.05], [0.1, 0.2, 0.4])
    _, verdict = evaluate(use_case, log, bad, bad, "v1")
    assert (verdict.verdict, verdict.failed) == ("not_blessed", ("value against the reference",))
    assert verdict.reference == "logging policy"
    assert evaluate(use_case, log, good, bad, "v1")[1].blessed
    # A first model is compared with the log as it is.
    assert evaluate(use_case, log, good)[1].reference is None


def test_any_split_gives_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    from components.evaluator import in_memory

    log, action = outcome(3000, 5, RATE, EVEN, loss=0.1)
    models = (
        model(action, [0.2, 0.2, 0.6], [0.1, 0.3, 0.2]),
        model(action, [0.6, 0.2, 0.2], [0.2, 0.1, 0.1]),
    )
    whole, verdict = evaluate(make_use_case(), log, *models, "v1")
    monkeypatch.setattr(in_memory, "_BLOCK", 700)
    split, again = evaluate(make_use_case(), log, *models, "v1")

    def flat(figures: Any) -> list[float]:
        if isinstance(figures, dict):
            return [number for value in figures.values() for number in flat(value)]
        return [0.0 if figures is None else float(figures)]

    np.testing.assert_allclose(flat(split.body()), flat(whole.body()), rtol=1e-11, atol=1e-12)
    assert verdict.verdict == again.verdict


def test_no_rows_are_refused() -> None:
    log, action = outcome(0, 1, RATE, EVEN)
    with pytest.raises(DataError, match="evaluation split: no row"):
        evaluate(make_use_case(), log, model(action, [1.0, 0.0, 0.0], [0.1, 0.2, 0.4]))


def test_neither_tfx_nor_tensorflow_is_imported() -> None:
    program = (
        "import sys, components.evaluator.in_memory\n"
        "print([name for name in ('tensorflow', 'tfx', 'apache_beam') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
