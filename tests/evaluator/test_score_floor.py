"""The score floor: found where the default recommender is better, and only there."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from components.evaluator.score_floor import FloorGains
from newsletter_bandit.off_policy.estimators import LoggedBatch

BOUNDS = (-1.0, 1.0)


def seen_by(taken: npt.NDArray[np.bool_], reward: npt.NDArray[np.float64]) -> LoggedBatch:
    """Rows of a uniform log of two recommenders, as a policy sees them that would have taken those of
    ``taken``.
    """
    zeros = np.zeros(len(reward))
    return LoggedBatch(reward, np.full(len(reward), 0.5), taken.astype(float), zeros, zeros)


def log(n: int, seed: int, default_gain: float) -> tuple[npt.NDArray[np.float64], LoggedBatch, LoggedBatch]:
    """Best scores in [0, 0.4); below 0.2 the default recommender's click rate is higher by
    ``default_gain``.
    """
    rng = np.random.default_rng(seed)
    score, default = rng.uniform(0.0, 0.4, n), rng.random(n) < 0.5
    rate = np.where(score < 0.2, 0.1 + default_gain * default, 0.1 + 0.2 * ~default)
    reward = (rng.random(n) < rate).astype(float)
    return score, seen_by(default, reward), seen_by(~default, reward)


def test_by_hand() -> None:
    floors = FloorGains(BOUNDS)
    score = np.array([0.1] * 50 + [0.302] * 50)
    low = score < 0.2
    # Below, the default earns 1 a row; above, it loses 1. Every weight is 2 or 0.
    taken = np.tile([True, False], 50)
    reward = np.where(low, taken, ~taken).astype(float)
    floors.add(score, seen_by(taken, reward), seen_by(~taken, reward))
    found = floors.best(0.95)
    # The highest floor of the grid, in steps of 2 / 400, that still has no score of 0.302 below it.
    assert found.floor == pytest.approx(0.3, abs=1e-6)
    assert found.gain == pytest.approx(0.5)
    assert found.share == 0.5
    assert 0.0 < found.lower_bound < found.gain


def test_the_floor_lies_where_the_default_stops_being_better() -> None:
    floors = FloorGains(BOUNDS, weight_clip=10.0)
    floors.add(*log(60_000, seed=1, default_gain=0.2))
    found = floors.best(0.95)
    assert found.floor == pytest.approx(0.2, abs=0.021)
    assert found.gain == pytest.approx(0.5 * 0.2, abs=0.01)
    assert found.share == pytest.approx(0.5, abs=0.06)
    assert found.lower_bound < found.gain


def test_no_floor_where_the_default_is_never_better() -> None:
    found = 0
    for seed in range(200):
        floors = FloorGains(BOUNDS)
        floors.add(*log(2000, seed, default_gain=0.0))
        found += not math.isnan(floors.best(0.95).floor)
    # At most 5% of the logs may show one by chance; 20 is 3 standard deviations above 10.
    assert found <= 20


def test_rows_that_change_nothing_and_no_rows_have_no_floor() -> None:
    floors = FloorGains(BOUNDS)
    assert math.isnan(floors.best(0.95).floor)
    score, default, _ = log(500, seed=2, default_gain=0.3)
    floors.add(score, default, default)
    assert all(math.isnan(figure) for figure in floors.best(0.95))


def test_the_graph_agrees_on_which_scores_are_below() -> None:
    # A score that is exactly a floor of the grid, in float32, is not below it.
    floor = np.linspace(*BOUNDS, 401, dtype=np.float32)[237]
    floors = FloorGains(BOUNDS)
    score = np.repeat([float(np.nextafter(floor, np.float32(-1))), float(floor)], 50)
    taken = np.tile([True, False], 50)
    reward = np.where(score < float(floor), taken, ~taken).astype(float)
    floors.add(score, seen_by(taken, reward), seen_by(~taken, reward))
    assert floors.best(0.95).floor == float(floor)
    assert floors.best(0.95).share == 0.5
