"""How often a candidate's newsletters would end in an unsubscribe."""

from __future__ import annotations

import math

import numpy as np
import pytest

from components.evaluator.unsubscribes import Unsubscribes
from newsletter_bandit.off_policy.estimators import LoggedBatch


def seen_by(probability: list[float], propensity: list[float]) -> LoggedBatch:
    zeros = np.zeros(len(probability))
    return LoggedBatch(zeros, np.array(propensity), np.array(probability), zeros, zeros)


def test_by_hand() -> None:
    found = Unsubscribes(ratio=2.0)
    # Weights 2, 0.5, 4 and 0; the first and third row ended in an unsubscribe.
    found.add(seen_by([1.0, 0.25, 1.0, 0.0], [0.5, 0.5, 0.25, 0.5]), np.array([1.0, 0.0, 1.0, 0.0]))
    assert found.log_rate() == 0.5
    assert found.rate().value == 1.5
    assert found.ratio() == 3.0
    # Terms (w - 2) u: 0, 0, 2, 0.
    assert found.excess().value == 0.5
    assert found.excess().standard_error == pytest.approx(1.0 / 2.0)
    assert found.lower_bound(0.95) < 0.5
    low, high = found.interval(0.95)
    assert low < 1.5 < high


def test_nothing_is_known_without_rows_or_unsubscribes() -> None:
    found = Unsubscribes(ratio=1.5)
    assert math.isnan(found.log_rate())
    assert math.isnan(found.ratio())
    assert math.isnan(found.excess().value)
    assert found.lower_bound(0.95) == -math.inf
    found.add(seen_by([0.5, 0.5], [0.5, 0.5]), np.zeros(2))
    assert found.log_rate() == 0.0
    assert math.isnan(found.ratio())


def test_a_candidate_at_the_cap_is_seldom_accused() -> None:
    # Recommender 0 loses 6% of its readers, recommender 1 2%; the log takes each half of the time.
    rng = np.random.default_rng(4)
    logs, n = 400, 1500
    # A candidate that always takes recommender 0 loses exactly 1.5 times as many readers as the log.
    cap = 0.06 / 0.04
    accused = 0
    for _ in range(logs):
        first = rng.random(n) < 0.5
        unsubscribed = (rng.random(n) < np.where(first, 0.06, 0.02)).astype(float)
        found = Unsubscribes(ratio=cap)
        found.add(seen_by(first.astype(float).tolist(), [0.5] * n), unsubscribed)
        accused += found.lower_bound(0.95) > 0.0
    # 5% of 400 is 20, and 13 more are 3 standard deviations.
    assert 0 < accused <= 33
