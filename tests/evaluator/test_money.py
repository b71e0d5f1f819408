"""A reward with a basket's value: rank correlation, each term by itself, "cannot tell" without a clip."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from components.evaluator import results
from components.evaluator.in_memory import evaluate
from components.evaluator.policy_values import Measuring, PolicyValues
from components.evaluator.rows import Known, Outcome, recommender_sums, table
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.arms import ArmSummary
from newsletter_bandit.warehouse.window_log import WindowLog
from tests.evaluator.model_outputs import EVEN, K, model
from tests.evidence_records import metrics
from tests.tiny import make_use_case

CLIP = (0.0, 150.0)
# Of each recommender: how often something is bought.
BUYS = np.array([0.05, 0.1, 0.3])


def use_case(clip: tuple[float, float] | None = CLIP, **gate: Any) -> UseCase:
    term = {"weight": 0.02, "clip": clip}
    return make_use_case(reward={"terms": {"clicked": 1, "basket_chf": term}}, gate=gate)


def log(n: int, seed: int, clip: tuple[float, float] | None = CLIP) -> tuple[Outcome, npt.NDArray[np.int64]]:
    """A uniform log of clicks and lognormal baskets."""
    rng = np.random.default_rng(seed)
    action = rng.choice(K, n)
    bought = rng.random(n) < BUYS[action]
    basket = np.where(bought, np.exp(rng.normal(4.0, 1.0, n)), 0.0)
    clicked = bought | (rng.random(n) < 0.1)
    within = basket if clip is None else np.clip(basket, *clip)
    users = np.array([f"u{i}" for i in range(n)], dtype=object)
    reward = clicked + 0.02 * within
    return Outcome(reward, EVEN[action], clicked, np.zeros(n), users, {"basket_chf": basket}), action


ESTIMATES = [0.2, 0.3, 0.8]


def test_a_better_candidate_is_blessed_by_rank_correlation_and_each_term_is_measured() -> None:
    outcome, action = log(20_000, 1)
    good, bad = model(action, [0.05, 0.05, 0.9], ESTIMATES), model(action, [0.9, 0.05, 0.05], ESTIMATES)
    figures, verdict = evaluate(use_case(), outcome, good, bad, "v1")
    assert verdict.verdict == "blessed"
    checks = {check.name: check for check in verdict.checks}
    assert not {"AUC", "AUC against production", "bounds of the reward"} & set(checks)
    assert 0.1 < (checks["rank correlation"].figure or 0.0) < 0.4
    assert figures.candidate.auc is None
    assert figures.candidate.calibration_slope == pytest.approx(1.0, abs=1.0)

    term = figures.terms["basket_chf"]
    basket = outcome.outcomes["basket_chf"]
    within = np.clip(basket, *CLIP)
    weight = np.array([0.05, 0.05, 0.9])[action] * K
    assert term.value == pytest.approx(np.mean(weight * within), rel=1e-9)
    assert term.baseline == pytest.approx(np.mean(np.array([0.9, 0.05, 0.05])[action] * K * within), rel=1e-9)
    assert (term.logged, term.unclipped) == (pytest.approx(within.mean()), pytest.approx(basket.mean()))
    assert term.clipped_away == pytest.approx(1.0 - within.mean() / basket.mean())
    assert term.top_share == pytest.approx(np.sort(within)[-200:].sum() / within.sum(), rel=0.02)
    # A hundredth of the baskets, not of the newsletters, exceed it.
    assert term.exceeded == pytest.approx(np.quantile(basket[basket > 0], 0.99), rel=0.06)
    assert term.low < term.value < term.high
    assert term.difference_low > 0.0
    # Clicks by weights alone, as the estimates are those of another reward.
    assert figures.clicks is not None
    assert figures.clicks.value == pytest.approx(np.mean(weight * outcome.clicked), rel=1e-9)


def test_without_a_clip_every_interval_is_unknown_and_the_verdict_names_the_key() -> None:
    outcome, action = log(20_000, 1, clip=None)
    good, bad = model(action, [0.05, 0.05, 0.9], ESTIMATES), model(action, [0.9, 0.05, 0.05], ESTIMATES)
    figures, verdict = evaluate(use_case(None), outcome, good, bad, "v1", reference=bad, reference_name="v0")
    assert verdict.verdict == "cannot_tell"
    (said,) = (check.detail for check in verdict.checks if check.name == "bounds of the reward")
    assert said.startswith(
        "basket_chf: values that are too rare to have been seen may be as large as they like"
    )
    assert "set reward.terms.basket_chf.clip to the smallest and largest value" in said
    assert figures.reference is not None
    assert figures.production is not None
    for unknown in (
        *figures.candidate.serving_policy.values.values(),
        *figures.production.eval_policy.values.values(),
        figures.candidate.exploration_cost,
        figures.logging_policy,
        figures.difference_to_logging,
        figures.difference,
        figures.reference.difference,
    ):
        assert unknown.value is not None
        assert (unknown.low, unknown.high, unknown.standard_error) == (None, None, None)
    assert (figures.difference.lower_bound, figures.difference.excess_upper_bound) == (None, None)
    assert figures.uniform is not None
    assert (figures.uniform.low, figures.overlap["a"].value_low) == (None, None)
    assert figures.score_floor.value is None
    term = figures.terms["basket_chf"]
    assert (term.low, term.difference_high, term.clipped_away) == (None, None, 0.0)
    # What has bounds of its own keeps its interval.
    assert figures.clicks is not None
    assert figures.clicks.low is not None
    assert figures.unsubscribes.low is not None


def test_unknown_ends_are_numbers_and_lists_as_known_ones_are() -> None:
    # TFMA's files tell the two apart.
    shapes = []
    for clip in (CLIP, None):
        outcome, action = log(500, 1, clip)
        outputs = [model(action, [0.05, 0.05, 0.9], ESTIMATES)]
        measuring = Measuring.of(use_case(clip))
        values = PolicyValues(1, measuring)
        values.add(table(outcome, outputs, measuring.reward_bounds, [Known("abc")]))
        values.add_recommenders(recommender_sums(outputs[0]))
        (figures,) = values.figures()
        shapes.append({name: (type(value), np.shape(value)) for name, value in figures.items()})
    assert shapes[0] == shapes[1]
    assert {kind for kind, shape in shapes[0].values() if not shape} == {float}


def test_a_candidate_that_orders_rewards_the_wrong_way_round_is_stopped() -> None:
    outcome, action = log(20_000, 1)
    wrong = model(action, [0.05, 0.05, 0.9], [0.8, 0.3, 0.2])
    _, verdict = evaluate(use_case(), outcome, wrong)
    assert verdict.verdict == "not_blessed"
    assert verdict.failed == ("rank correlation",)
    # So few rewards may be chance.
    few, action = log(200, 1)
    right = model(action, [0.05, 0.05, 0.9], ESTIMATES)
    lenient = {"min_rows": 100, "min_effective_sample_size": 1}
    found = evaluate(use_case(**lenient), few, right)[0].candidate.rank_correlation
    assert found is not None
    for more, said in ((0.05, "cannot_tell"), (0.4, "not_blessed")):
        _, verdict = evaluate(use_case(**lenient, min_rank_correlation=found + more), few, right)
        assert (verdict.verdict, "rank correlation" in verdict.failed) == (said, True)


def test_parts_add_up() -> None:
    outcome, action = log(3000, 2)
    outputs = [model(action, [0.05, 0.05, 0.9], ESTIMATES), model(action, [0.9, 0.05, 0.05], ESTIMATES)]
    measuring = Measuring.of(use_case())
    assert measuring.reward_bounds == (0.0, 4.0)
    known = [Known("abc"), Known("abc")]
    rows = table(outcome, outputs, measuring.reward_bounds, known)

    def seen(part: npt.NDArray[np.int64]) -> PolicyValues:
        values = PolicyValues(2, measuring)
        values.add(rows[part])
        values.add_recommenders(recommender_sums(outputs[0], outputs[1], known, part))
        return values

    whole = seen(np.arange(3000)).figures()
    first, second = np.split(np.random.default_rng(1).permutation(3000), [1000])
    merged = (seen(first) + seen(second)).figures()
    for mine, theirs in zip(merged, whole, strict=True):
        assert list(mine) == list(theirs)
        for name, value in mine.items():
            np.testing.assert_allclose(value, theirs[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_an_outcome_that_is_no_number_is_refused() -> None:
    outcome, action = log(10, 1)
    basket = outcome.outcomes["basket_chf"].copy()
    basket[3] = np.inf
    broken = dataclasses.replace(outcome, outcomes={"basket_chf": basket})
    with pytest.raises(DataError, match="user u3: basket_chf is inf; allowed: a finite number"):
        evaluate(use_case(), broken, model(action, [0.05, 0.05, 0.9], ESTIMATES))


def test_the_gate_sees_the_newsletters_of_the_window_that_have_no_value() -> None:
    arms = tuple(
        ArmSummary(name, 100, 0.1, 0.0, 0.0, 0.1, unknown, {"basket_chf": unknown})
        for name, unknown in (("a", 500), ("b", 300))
    )
    window = WindowLog(arms, dt.date(2024, 1, 8), (200,), (200,))
    found = results.gate_metrics(metrics(), use_case(), window)
    assert (found.left_out_share, found.missing) == (0.8, {"basket_chf": 800})
    # Nobody looked, or the reward has no such term.
    assert results.gate_metrics(metrics(), use_case()).left_out_share is None
    assert results.gate_metrics(metrics(), make_use_case(), window).left_out_share is None
