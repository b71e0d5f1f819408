"""Figures of each recommender by week: by hand, and a recommender that is offered in some weeks only."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pipelines.arms.weekly import WindowSums

WEEKS = [dt.date(2026, 1, 5) + dt.timedelta(weeks=number) for number in range(4)]


def test_by_hand() -> None:
    sums = WindowSums(["a", "b"], WEEKS[:2])
    users = np.arange(4, dtype=np.uint64)
    first = np.array([0, 0, 1, -1])
    sums.add(
        0, first, np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.5, 0.25, 0.5, 0.5]), users, np.full(2, 4.0)
    )
    sums.add(1, np.array([0, 1]), np.array([1.0, 0.0]), np.full(2, 0.5), users[:2], np.full(2, 2.0))
    a, b = sums.logged(0.95, 0.95)
    assert sums.rows == 6
    assert (a.rows, a.share, a.mean_reward) == (3, 0.5, pytest.approx(2 / 3))
    # 2 of 2 + 4 in the first week, 2 of 2 in the second.
    assert [week.value.value for week in a.weeks] == pytest.approx([1 / 3, 1.0])
    assert a.value.value == pytest.approx(4 / 8)
    assert [(week.rows, week.share) for week in b.weeks] == [(1, 0.25), (1, 0.5)]
    # One row is no measure of chance.
    assert b.trend == "not sure"
    assert not np.isfinite(b.slope.low)


def uniform(rng: np.random.Generator, actions: int, rows: int) -> tuple[np.ndarray, ...]:
    action = rng.integers(0, actions, rows)
    return action, (rng.random(rows) < 0.1).astype(float), np.full(rows, 1.0 / actions)


def test_a_recommender_that_came_or_went_is_no_fault_of_the_propensities() -> None:
    """Empty lists stand for all of today's recommenders, also in weeks that did not know one of them."""
    rng = np.random.default_rng(5)
    sums = WindowSums(["a", "b", "new"], WEEKS)
    for week in range(4):
        action, reward, propensity = uniform(rng, 3 if week == 3 else 2, 3_000)
        users = rng.integers(0, 2**32, 3_000, dtype=np.uint64)
        sums.add(week, action, reward, propensity, users, np.full(3, 3_000.0))
    tested = sums.sample_ratio()
    assert tested.ratios == pytest.approx([1.0, 1.0, 1.0], abs=0.08)
    assert tested.p_value > 1e-4
    assert np.isnan(sums.sample_ratio(["new"]).ratios[2])


def test_a_recommender_that_is_lost_within_weeks_is_found() -> None:
    rng = np.random.default_rng(6)
    sums = WindowSums(["a", "b"], WEEKS)
    for week in range(4):
        action, reward, propensity = uniform(rng, 2, 2_000)
        kept = (action == 0) | (rng.random(2_000) < 0.8)
        users = rng.integers(0, 2**32, 2_000, dtype=np.uint64)
        sums.add(
            week, action[kept], reward[kept], propensity[kept], users[kept], np.full(2, float(kept.sum()))
        )
    assert sums.sample_ratio().p_value < 1e-4


def test_a_slope_is_sure_only_beyond_chance() -> None:
    rng = np.random.default_rng(7)
    sums = WindowSums(["flat", "up"], WEEKS)
    for week in range(4):
        action = rng.integers(0, 2, 4_000)
        reward = (rng.random(4_000) < 0.1 + 0.03 * week * action).astype(float)
        users = rng.integers(0, 2**32, 4_000, dtype=np.uint64)
        sums.add(week, action, reward, np.full(4_000, 0.5), users, np.full(2, 4_000.0))
    flat, up = sums.logged(0.95, 0.975)
    assert (flat.trend, up.trend) == ("not sure", "rising")
    assert up.slope.low < 0.03 < up.slope.high
    assert up.slope.high - up.slope.low < 0.03
