"""The bounds of constraints: their figures by hand, and the gate on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from components.evaluator.gate import LOGGING_POLICY, decide
from components.evaluator.gate_metrics import Bound, GateMetrics
from components.evaluator.limits import Bounded, Limits
from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.registry.evidence.constraints import Held, Point
from newsletter_bandit.settings.constraints import Limit
from newsletter_bandit.settings.use_case import Gate
from tests.tiny import make_use_case

GATE = Gate(max_unsubscribe_ratio=1.5)
# Every other check holds.
FIRST = GateMetrics(
    rows=5000,
    effective_sample_size=900.0,
    max_weight=40.0,
    auc=0.61,
    production_auc=None,
    difference=0.03,
    lower_bound=0.01,
    upper_bound=0.05,
    excess_lower_bound=0.01,
    excess_upper_bound=0.05,
    baseline=0.1,
    compared_with=LOGGING_POLICY,
    sample_ratio_p=0.3,
    unsubscribe_ratio=1.1,
    unsubscribe_excess_bound=-0.004,
    unsubscribe_excess_upper_bound=-0.002,
)
CAP = Limit("term", "unsubscribed", "<=", 1.5, relative=True)
RATE = Limit("term", "unsubscribed", "<=", 0.1)
SHARE = Limit("share", "b", "<=", 0.4)
LEAST = Limit("share", "c", ">=", 0.1)
COSTLY = Held(
    CAP.name,
    "<=",
    1.5,
    holds=False,
    cost=0.004,
    frontier=(Point(0.0, 0.08, 3.1, 3.6), Point(2.0, 0.076, 1.4, 1.9)),
    found=Point(2.0, 0.076, 1.4, 1.9),
)
GAINING = replace(COSTLY, cost=-0.004)


def batch(probability: list[float]) -> LoggedBatch:
    nothing = np.zeros(len(probability))
    return LoggedBatch(nothing, nothing + 0.5, np.array(probability), nothing, nothing)


def measured(limits: list[Limit]) -> dict[str, Any]:
    bounds = [Bounded(one, (0.0, 1.0) if one.kind == "term" else None, "abc".find(one.of)) for one in limits]
    found = Limits(bounds, 100.0, 0.975)
    unsubscribed = np.array([1.0, 0.0, 1.0, 0.0])
    policies = [[0.5, 0.5, 0.25, 0.5], [1.0, 0.0, 0.0, 0.0]]
    found.add({"unsubscribed": unsubscribed}, [batch(one) for one in policies])
    shares = [np.array([0.3, 0.5, 0.2]), np.array([0.6, 0.35, 0.05])]
    merged = Limits(bounds, 100.0, 0.975)
    for rows in (slice(0, 1), slice(1, 4)):
        part = Limits(bounds, 100.0, 0.975)
        part.add({"unsubscribed": unsubscribed[rows]}, [batch(one[rows]) for one in policies])
        merged.merge(part)
    assert merged.figures(shares) == pytest.approx(found.figures(shares))
    return found.figures(shares)


def test_the_worse_policy_counts() -> None:
    found = measured([CAP, RATE, SHARE, LEAST])
    # Weights of the two unsubscribes 1 and .5 under one policy, 2 and 0 under the other; the log has .5.
    assert found["limits/0/figure"] == pytest.approx(1.0)
    # Of four rows both may be anything up to 1, so none of the two is worse, and the first stands.
    assert found["limits/1/figure"] == pytest.approx(0.375)
    assert found["limits/1/excess_upper_bound"] == pytest.approx(0.9)
    assert found["limits/1/excess_lower_bound"] <= 0.3 <= found["limits/1/excess_upper_bound"]
    assert found["limits/2/figure"] == 0.5
    assert found["limits/2/excess_upper_bound"] == pytest.approx(0.1)
    assert found["limits/3/figure"] == 0.05
    assert found["limits/3/excess_upper_bound"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("bound", "verdict", "words"),
    [
        (Bound(CAP, 1.2, -0.01, -0.001), "blessed", "surely below it"),
        (Bound(CAP, 1.7, 0.001, 0.01), "not_blessed", "surely above it"),
        (Bound(CAP, 1.4, -0.002, 0.001, found=COSTLY), "cannot_tell", "costs 0.004 of 0.08 reward"),
        (Bound(CAP, 1.4, -0.002, 0.001, found=GAINING), "cannot_tell", "gains 0.004 on top of 0.08"),
        (Bound(CAP, float("nan"), -0.002, 0.001), "cannot_tell", "the log holds no unsubscribed"),
        (Bound(RATE, 0.05, -0.01, -0.001), "blessed", "estimated mean)"),
        (Bound(SHARE, 0.404, 0.004, 0.004, 0.005), "blessed", "within the 0.005 allowed"),
        (Bound(SHARE, 0.41, 0.01, 0.01, 0.005), "not_blessed", "is not <= 0.4"),
        (Bound(LEAST, 0.12, -0.02, -0.02, 0.005), "blessed", "is >= 0.1"),
        (Bound(LEAST, 0.02, 0.08, 0.08, 0.005), "not_blessed", "is not >= 0.1"),
    ],
)
def test_one_check_for_each_bound(bound: Bound, verdict: str, words: str) -> None:
    found = decide(replace(FIRST, limits=(bound,)), GATE)
    assert found.verdict == verdict
    check = found.checks[-1]
    assert (check.name, check.passed) == (bound.limit.name, verdict == "blessed")
    assert words in check.detail


def test_a_constraint_takes_the_place_of_the_gates_own_cap() -> None:
    above = replace(FIRST, unsubscribe_ratio=3.0, unsubscribe_excess_bound=0.1)
    assert decide(above, GATE).failed == ("unsubscribes",)
    found = decide(replace(above, limits=(Bound(replace(CAP, bound=4.0), 3.0, -0.1, -0.01),)), GATE)
    assert found.verdict == "blessed"
    assert "skipped: a constraint bounds them" in [check.detail for check in found.checks]


def test_bounds_of_a_use_case() -> None:
    constraints = [
        {"term": "clicked", "at_most": 0.5},
        {"recommender": "c", "share_at_least": 0.1, "share_at_most": 0.2},
    ]
    found = Bounded.of(make_use_case(constraints=constraints))
    assert [(one.clip, one.recommender) for one in found] == [((0.0, 1.0), -1), (None, 2), (None, 2)]
