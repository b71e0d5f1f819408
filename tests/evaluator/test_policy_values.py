"""Rows to figures to metrics.json to the rows of a table."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from components.evaluator import results
from components.evaluator.gate import decide
from components.evaluator.policy_values import Measuring, PolicyValues
from components.evaluator.report import ValueRow, policy_values
from components.evaluator.rows import FloatArray, Known, Outcome, table
from newsletter_bandit.registry.evidence import Metrics
from newsletter_bandit.registry.evidence.metrics import Difference
from tests.tiny import make_use_case

MEASURING = Measuring(recommenders=3, weight_clip=100.0, confidence=0.95, max_unsubscribe_ratio=1.5)
NAMES = ["a", "b", "c"]
BOUNDS = (-1.0, 1.0)
ESTIMATES = [0.4, 0.1, 0.2]
SERVING = [0.8, 0.1, 0.1]
GREEDY = [1.0, 0.0, 0.0]


def output(
    action: int,
    estimates: list[float] = ESTIMATES,
    serving: list[float] = SERVING,
    greedy: list[float] = GREEDY,
) -> dict[str, Any]:
    """A model's output for one row; its default recommender is the last one."""
    return {
        "user_id": "u1",
        "reward_estimates": estimates,
        "serving_probabilities": serving,
        "eval_probabilities": greedy,
        "logged_action": action,
        "logged_score": estimates[action] if action >= 0 else 0.0,
        "default_action": len(estimates) - 1,
        "best_score": max(estimates),
        "eligible_recommenders": [True] * len(estimates),
    }


def row(action: int, reward: float, *more: dict[str, Any]) -> FloatArray:
    outcome = Outcome(
        reward=np.array([reward]),
        propensity=np.array([0.5]),
        clicked=np.array([reward > 0]),
        unsubscribed=np.array([reward < 0]),
        user_id=np.array(["u1"], dtype=object),
    )
    outputs = [{name: np.array([values]) for name, values in out.items()} for out in (output(action), *more)]
    names = [Known(NAMES[: len(out["reward_estimates"][0])]) for out in outputs]
    return table(outcome, outputs, BOUNDS, names)[0]


def test_a_retired_recommender_is_not_missed_in_the_log() -> None:
    """Lists go on naming it."""
    values = PolicyValues(1, replace(MEASURING, retired=(1,)))
    values.add([row(0, 1.0), row(1, -1.0)])
    values.add_recommenders(
        np.array([[2.0, 2.0, 2.0], [1.6, 0.2, 0.2], [math.nan] * 3, [0.0] * 3, [0.0] * 3])
    )
    (figures,) = values.figures()
    assert figures["overlap/sample_ratio"] == pytest.approx([1.0, math.nan, math.nan], nan_ok=True)
    use_case = make_use_case(retired=["c"])
    assert Measuring.of(use_case).retired == (2,)


def test_figures_by_hand() -> None:
    values = PolicyValues(1, MEASURING)
    values.add([row(0, 1.0), row(1, -1.0)])
    (figures,) = values.figures()
    # Serving weights 1.6 and 0.2, residuals 0.6 and -1.1; eval weights 2 and 0.
    assert figures["serving_policy/ips"] == pytest.approx((1.6 - 0.2) / 2)
    assert figures["serving_policy/snips"] == pytest.approx(1.4 / 1.8)
    assert figures["serving_policy/dm"] == pytest.approx(0.35)
    assert figures["serving_policy/dr"] == pytest.approx(0.35 + (1.6 * 0.6 - 0.2 * 1.1) / 2)
    assert figures["eval_policy/ips"] == pytest.approx(1.0)
    assert figures["eval_policy/dr"] == pytest.approx(0.4 + 2 * 0.6 / 2)
    assert figures["exploration_cost"] == pytest.approx((0.4 + 0.6) - (0.35 + 0.37))
    assert figures["serving_policy/max_weight"] == pytest.approx(1.6)
    assert figures["eval_policy/effective_sample_size"] == pytest.approx(1.0)
    assert figures["auc"] == 1.0
    assert figures["logging_policy"] == 0.0
    assert (figures["logging_policy/click_rate"], figures["logging_policy/unsubscribe_rate"]) == (0.5, 0.5)
    # The other one was not clicked.
    assert figures["logging_policy/unsubscribe_after_click_rate"] == 0.0
    assert figures["difference"] == pytest.approx(0.72)
    # One of two logged newsletters ended in an unsubscribe, with weight 0.2.
    assert figures["unsubscribes"] == pytest.approx(0.1)
    assert figures["unsubscribes/ratio"] == pytest.approx(0.2)
    assert figures["unsubscribes/excess"] == pytest.approx(0.1 - 1.5 * 0.5)
    # The first was clicked: its residual is 0.6, the other's -0.1.
    assert figures["clicks"] == pytest.approx(0.35 + (1.6 * 0.6 - 0.2 * 0.1) / 2)
    assert (figures["clicks/baseline"], figures["clicks/difference"]) == (0.5, pytest.approx(0.82 - 0.5))
    assert figures["clicks/low"] < 0.82 < figures["clicks/high"]
    assert figures["uniform"] == 0.0
    assert figures["overlap/value"] == pytest.approx([1.0, -1.0, math.nan], nan_ok=True)
    assert figures["unsubscribes/baseline"] == 0.5
    assert figures["unsubscribes/difference"] == pytest.approx(0.1 - 0.5)
    assert figures["overlap/logged_share"] == pytest.approx([0.5, 0.5, 0.0])
    # Both rows have weights 1 / .5, and each recommender was eligible in both.
    preferred = [2.0, 0.0, 0.0]
    values.add_recommenders(
        np.array([[2.0, 2.0, 2.0], [1.6, 0.2, 0.2], [math.nan] * 3, [0.2, 0.1, 0.1], preferred])
    )
    (figures,) = values.figures()
    assert figures["overlap/production_share"] == pytest.approx([math.nan] * 3, nan_ok=True)
    assert figures["overlap/serving_policy_share"] == pytest.approx([0.8, 0.1, 0.1])
    assert figures["overlap/sample_ratio"] == pytest.approx([1.0, 1.0, math.nan], nan_ok=True)


def test_rows_of_an_unknown_recommender_weigh_nothing_and_are_counted() -> None:
    without, with_unknown = PolicyValues(1, MEASURING), PolicyValues(1, MEASURING)
    without.add([row(0, 1.0), row(1, -1.0)])
    with_unknown.add([row(-1, 1.0), row(0, 1.0), row(-1, 0.0), row(1, -1.0)])
    known, found = without.figures()[0], with_unknown.figures()[0]
    assert (found["rows"], found["rows_unknown_recommender"]) == (4.0, 2.0)
    # Two rows of four carry weight: the mean of the weighted rewards halves, their ratio stays.
    assert found["serving_policy/ips"] == pytest.approx(known["serving_policy/ips"] / 2)
    assert found["serving_policy/snips"] == pytest.approx(known["serving_policy/snips"])
    # The logging policy earned 1, 1, 0 and -1.
    assert found["logging_policy"] == pytest.approx(0.25)
    assert found["auc"] == known["auc"]
    np.testing.assert_allclose(found["overlap/logged_share"], known["overlap/logged_share"])


def test_production_never_takes_a_recommender_that_it_alone_does_not_know() -> None:
    new = output(-1, [0.4, 0.1], [0.5, 0.5], [1.0, 0.0])
    values = PolicyValues(2, MEASURING)
    values.add([row(2, 1.0, new), row(2, 0.0, new)])
    candidate, production = values.figures()
    assert candidate["rows"] == 2.0
    assert production["serving_policy/mean_weight"] == 0.0
    assert production["serving_policy/dr"] == pytest.approx(0.25)
    assert candidate["difference"] == pytest.approx(candidate["serving_policy/dr"] - 0.25)


# By production's estimates the candidate is worth .27, and the reference .2.
EARLIER = ([0.3, 0.2, 0.1], [0.5, 0.3, 0.2]), ([0.9, 0.9, 0.9], [0.2, 0.6, 0.2])


def test_the_reference_by_hand() -> None:
    """The pair with the reference takes production's estimates, as the pair with production."""
    measuring = replace(MEASURING, weight_clip=1.1, reference_multiple=0.9)
    values = PolicyValues(3, measuring)
    halves = PolicyValues(3, measuring), PolicyValues(3, measuring)
    for half, (action, reward) in zip(halves, ((0, 1.0), (1, -1.0)), strict=True):
        one = row(action, reward, *(output(action, *model) for model in EARLIER))
        values.add([one])
        half.add([one])
    candidate, production, reference = values.figures()
    # Weights .8 / .5, clipped, and .2 / .5 with a residual of .7.
    # Weights .1 / .5, and .6 / .5, clipped, with a residual of -1.2.
    ours = [0.27 + 1.1 * 0.7, 0.27 - 0.2 * 1.2]
    theirs = [0.2 + 0.4 * 0.7, 0.2 - 1.1 * 1.2]
    assert candidate["reference"] == pytest.approx((sum(ours) - sum(theirs)) / 2)
    assert candidate["reference/excess"] == pytest.approx((sum(ours) - 0.9 * sum(theirs)) / 2)
    assert reference["value"] == pytest.approx(sum(theirs) / 2)
    assert reference["mean_weight"] == pytest.approx(0.75)
    assert reference["mean_weight_unclipped"] == pytest.approx(0.8)
    assert "serving_policy/dr" in production
    merged = (halves[0] + halves[1]).figures()
    assert merged[0]["reference/excess"] == pytest.approx(candidate["reference/excess"])
    assert merged[2] == pytest.approx(reference, nan_ok=True)


def test_the_log_as_the_reference_by_hand() -> None:
    values = PolicyValues(2, replace(MEASURING, reference_is_log=True, reference_multiple=0.9))
    for action, reward in ((0, 1.0), (1, 0.0)):
        values.add([row(action, reward, output(action, *EARLIER[0]))])
    candidate, _ = values.figures()
    ours = (0.27 + 1.6 * 0.7 + 0.27 - 0.2 * 0.2) / 2
    assert candidate["reference"] == pytest.approx(ours - 0.5)
    assert candidate["reference/excess"] == pytest.approx(ours - 0.9 * 0.5)


def slice_figures(models: int, rows: int = 2) -> dict[str, dict[str, Any]]:
    values = PolicyValues(models, MEASURING)
    values.add([row(0, float(i % 2), *[output(0)] * (models - 1)) for i in range(rows)])
    return dict(zip((results.CANDIDATE, results.PRODUCTION), values.figures(), strict=False))


def test_metrics_json_is_readable_and_feeds_gate_and_table() -> None:
    use_case = make_use_case()
    slices = {"overall": slice_figures(2, 6), "colour=red": slice_figures(2, 1)}
    metrics = results.build(slices, use_case, "v3")
    content = json.loads(metrics.to_json())
    assert Metrics.from_json(metrics.to_json()) == metrics

    assert content["compared_with"] == "v3"
    assert content["overall"]["rows"] == 6
    assert list(content["overall"]["overlap"]) == ["a", "b", "c"]
    # One row: no standard error, and no bounds of a difference that cannot be another one.
    red = content["slices"]["colour=red"]
    assert red["candidate"]["serving_policy/dr"] is not None
    assert red["candidate"]["serving_policy/dr/standard_error"] is None
    assert red["difference"]["lower_bound"] is None
    assert "overlap" not in red
    # Of its recommenders, those that somebody shows: here the one that was logged.
    assert {name: found["logged_share"] for name, found in red["shares"].items()} == {"a": 1.0}
    assert "shares" not in content["overall"]
    assert "score_floor" not in red
    assert content["overall"]["score_floor"] == {
        "value": None,
        "gain": None,
        "lower_bound": None,
        "share": None,
    }
    assert content["overall"]["unsubscribes"]["ratio"] is None

    gate = results.gate_metrics(metrics, make_use_case())
    assert (gate.rows, gate.difference, gate.lower_bound) == (6, 0.0, 0.0)
    assert gate.auc == gate.production_auc == 0.5
    assert math.isnan(gate.unsubscribe_ratio)
    assert decide(gate, use_case.gate).verdict == "cannot_tell"

    found = metrics.overall.candidate.serving_policy.weights
    assert found.mean_weight == pytest.approx(1.6)
    assert found.effective_sample_size == pytest.approx(6.0)
    assert (found.max_weight_unclipped, found.clipped_share) == (pytest.approx(1.6), 0.0)
    assert found.top_share == pytest.approx(0.01)

    table = policy_values(metrics)
    assert [line.label for line in table] == [
        "logging policy",
        "production, serving policy",
        "production, eval policy",
        "candidate, serving policy",
        "candidate, eval policy",
        "candidate minus production",
        "cost of exploration",
    ]
    assert table[0] == ValueRow(
        "logging policy",
        0.5,
        metrics.overall.logging_policy.low,
        metrics.overall.logging_policy.high,
    )
    assert policy_values(metrics, "ips", "colour=red")[3].low == red["candidate"]["serving_policy/ips/low"]


def test_first_model_has_no_production_in_its_metrics() -> None:
    metrics = results.build({"overall": slice_figures(1)}, make_use_case(), "logging policy")
    assert metrics.overall.production is None
    gate = results.gate_metrics(metrics, make_use_case())
    assert gate.production_auc is None
    assert gate.difference == metrics.overall.difference_to_logging.value
    assert [line.label for line in policy_values(metrics)][-2] == "candidate minus logging policy"


def test_unknown_figures_reach_the_gate_as_unknown() -> None:
    metrics = results.build({"overall": slice_figures(1, 1)}, make_use_case(), "logging policy")
    assert math.isnan(results.gate_metrics(metrics, make_use_case()).auc)
    unknown = Difference(None, None, None, None, None, None)
    gate = results.gate_metrics(
        replace(metrics, overall=replace(metrics.overall, difference=unknown)), make_use_case()
    )
    assert math.isnan(gate.difference)
    assert (gate.lower_bound, gate.upper_bound) == (-math.inf, math.inf)


def test_names_do_not_depend_on_the_data() -> None:
    values = PolicyValues(2, MEASURING)
    values.add([row(0, 1.0, output(0))])
    before = [list(figures) for figures in PolicyValues(2, MEASURING).figures()]
    assert before == [list(figures) for figures in values.figures()]
