"""Which policy is served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving_model_resolver.decision import Decision, ExplorationCost, decide
from pipelines.errors import DataError


def metrics(value: Any = 0.01, **changes: Any) -> dict[str, Any]:
    candidate = {
        "exploration_cost": value,
        "exploration_cost/standard_error": 0.002,
        "exploration_cost/low": 0.006,
        "exploration_cost/high": 0.014,
        **changes,
    }
    return {"overall": {"candidate": candidate}}


def cost(value: float | None) -> ExplorationCost:
    return ExplorationCost(value, 0.002, 0.006, 0.014)


def test_the_cost_is_read_from_the_evaluators_metrics() -> None:
    assert ExplorationCost.of(metrics()) == ExplorationCost(0.01, 0.002, 0.006, 0.014)


def test_within_the_bound_the_exploring_policy_is_served() -> None:
    decision = decide(cost(0.01), max_cost=0.012)
    assert decision.policy == "serving_policy"
    # The interval's upper end, 0.014, is above the bound: the point estimate decides.
    assert decision.reason == (
        "exploring costs an estimated 0.01 of reward a newsletter (interval 0.006 to 0.014), "
        "within the allowed 0.012"
    )


def test_above_the_bound_the_eval_policy_is_served() -> None:
    # The interval's lower end, 0.006, is below the bound.
    decision = decide(cost(0.01), max_cost=0.008)
    assert decision.policy == "eval_policy"
    assert "more than the allowed 0.008" in decision.reason


def test_an_unknown_cost_is_not_within_any_bound() -> None:
    decision = decide(cost(None), max_cost=10.0)
    assert decision.policy == "eval_policy"
    assert "unknown" in decision.reason


@given(st.floats(-10, 10), st.floats(0, 10), st.floats(0, 10))
def test_a_wider_bound_never_stops_exploration(value: float, one: float, other: float) -> None:
    narrow, wide = sorted([one, other])
    if decide(cost(value), narrow).policy == "serving_policy":
        assert decide(cost(value), wide).policy == "serving_policy"


@pytest.mark.parametrize("value", [0.01, None])
def test_a_decision_survives_its_file(value: float | None) -> None:
    decision = decide(cost(value), 0.02)
    assert Decision.from_json(decision.to_json()) == decision
    assert set(json.loads(decision.to_json())) == {"policy", "reason", "exploration_cost", "max_cost"}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({}, "exploration_cost"),
        ({"overall": {"candidate": {"exploration_cost": 0.1}}}, "exploration_cost/standard_error"),
        (metrics("0.1"), "'0.1'"),
        (metrics(True), "True"),
        (metrics(float("nan")), "nan"),
    ],
)
def test_metrics_without_a_usable_cost_are_refused(content: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=rf"^evaluation/metrics\.json: .*{named}"):
        ExplorationCost.of(content, "evaluation/metrics.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"policy": "serving_policy"}'])
def test_a_text_that_is_no_decision_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="not a decision"):
        Decision.from_json(text)


def test_an_unknown_policy_is_refused() -> None:
    text = decide(cost(0.01), 0.02).to_json().replace("serving_policy", "best_policy")
    with pytest.raises(DataError, match="best_policy"):
        Decision.from_json(text)
