"""The Evaluator's refusals and their messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from components.evaluator import results
from components.evaluator.policy_values import Measuring, PolicyValues
from components.evaluator.score_floor import FloorGains
from components.evaluator.unsubscribes import Unsubscribes
from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.auc import AUC
from newsletter_bandit.off_policy.estimators import LoggedBatch, dr, ips
from newsletter_bandit.off_policy.estimators.diagnostics import Overlap, Weights
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference, PolicyDifference
from tests.tiny import make_use_case

GOOD: dict[str, list[float]] = {
    "reward": [1.0, 0.0],
    "propensity": [0.5, 0.25],
    "evaluation_probability": [1.0, 0.0],
    "expected_reward": [0.1, 0.2],
    "logged_estimate": [0.1, 0.2],
}


def batch(**changes: list[float]) -> LoggedBatch:
    return LoggedBatch(**{name: np.array(values) for name, values in {**GOOD, **changes}.items()})


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("propensity", [0.5, 0.0], r"propensity of row 1 is 0; allowed: \(0, 1\]"),
        ("propensity", [1.5, 0.5], r"propensity of row 0 is 1\.5; allowed: \(0, 1\]"),
        ("propensity", [0.5, -0.1], r"propensity of row 1 is -0\.1"),
        ("propensity", [0.5, math.nan], "propensity of row 1 is nan; allowed: a finite number"),
        ("evaluation_probability", [1.1, 0.0], r"evaluation_probability of row 0 is 1\.1; allowed: \[0, 1\]"),
        ("evaluation_probability", [0.0, -0.1], "evaluation_probability of row 1 is -0.1"),
        ("reward", [math.inf, 0.0], "reward of row 0 is inf"),
        ("expected_reward", [0.0, math.nan], "expected_reward of row 1 is nan"),
        ("logged_estimate", [math.nan, 0.0], "logged_estimate of row 0 is nan"),
        ("logged_estimate", [0.0], r"logged_estimate has shape \(1,\); allowed: \[2\]"),
    ],
)
def test_logged_rows_out_of_range(field: str, values: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        batch(**{field: values})


def test_rounding_of_float32_probabilities_is_no_error() -> None:
    weights = batch(evaluation_probability=[1.000001, -1e-7]).weights()
    assert weights.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("make", [ips.Estimator, Weights, PolicyDifference, LoggingDifference])
@pytest.mark.parametrize("clip", [0.0, -1.0, math.nan])
def test_weight_clips_that_are_not_positive(make: Callable[[float], object], clip: float) -> None:
    with pytest.raises(ValueError, match="weight_clip"):
        make(clip)


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (ips.Estimator(), ips.Estimator(weight_clip=5.0)),
        (ips.Estimator(), dr.Estimator()),
        (PolicyDifference(), LoggingDifference()),
        (PolicyDifference(), PolicyDifference(multiple=0.9)),
        (PolicyDifference(), PolicyDifference(5.0)),
        (Unsubscribes(), Unsubscribes(5.0)),
        (Weights(), Weights(5.0)),
        (Overlap(2), Overlap(3)),
        (Overlap(2), Overlap(2, 5.0)),
        (Unsubscribes(ratio=1.0), Unsubscribes(ratio=2.0)),
        (FloorGains((-1.0, 1.0)), FloorGains((-1.0, 2.0))),
        (FloorGains((-1.0, 1.0)), FloorGains((-1.0, 1.0), 5.0)),
    ],
)
def test_parts_that_do_not_belong_together(mine: Any, other: Any) -> None:
    with pytest.raises(ValueError, match=r"cannot be merged|allowed: to merge"):
        mine + other


def test_pairing_different_rows() -> None:
    with pytest.raises(ValueError, match="same logged rows"):
        PolicyDifference().add(batch(), batch(reward=[0.0, 0.0]))
    with pytest.raises(ValueError, match="same logged rows"):
        PolicyDifference().add(batch(), batch(propensity=[0.5, 0.5]))


@pytest.mark.parametrize("multiple", [-0.1, math.nan])
def test_multiples_below_zero(multiple: float) -> None:
    with pytest.raises(ValueError, match="multiple"):
        PolicyDifference(multiple=multiple)


def test_rows_with_and_without_a_user() -> None:
    estimator = ips.Estimator()
    estimator.add(batch())
    estimator.add(replace(batch(), user=np.array([1, 2], dtype=np.uint64)))
    with pytest.raises(ValueError, match="2 of 4 rows have a user"):
        estimator.estimate()


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_outside_its_range(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        ips.Estimator().interval(confidence)


def test_actions_outside_the_recommenders() -> None:
    for action in ([0, 2], [-1, 0]):
        with pytest.raises(ValueError, match="allowed: 0 to 1"):
            Overlap(2).add(batch(), np.array(action))


def test_scores_that_are_not_numbers() -> None:
    with pytest.raises(ValueError, match="NaN"):
        AUC().add(np.array([0.5, math.nan]), np.array([True, False]))


def test_more_than_three_models() -> None:
    with pytest.raises(ValueError, match="allowed: 1, 2 or 3"):
        PolicyValues(4, Measuring(3, 10.0, 0.95))


def test_an_evaluation_without_rows() -> None:
    nothing = PolicyValues(1, Measuring(3, 10.0, 0.95)).figures()[0]
    for slices in ({}, {"overall": {"candidate": nothing}}):
        with pytest.raises(DataError, match="evaluation split: no row"):
            results.build(slices, make_use_case(), "v1")
