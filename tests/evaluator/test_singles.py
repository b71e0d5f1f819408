"""What each recommender would earn alone, and all of them equally often."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from components.evaluator.singles import Singles

REWARDS = np.array([0.3, 0.1, 0.2])
# Users of two kinds, who are sent the recommenders with these probabilities.
PROPENSITIES = np.array([[0.8, 0.1, 0.1], [0.2, 0.3, 0.5]])
# How much more the second kind likes each.
MORE = np.array([-0.2, 0.3, 0.1])

Rows = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.uint64]]


def log(rng: np.random.Generator, users: int, each: int) -> Rows:
    """Rows of users who are sent ``each`` newsletters, all liked or all not."""
    kind = rng.integers(0, 2, users).repeat(each)
    action = (rng.random(len(kind))[:, None] > PROPENSITIES[kind].cumsum(axis=1)).sum(axis=1)
    likes = rng.random(users).repeat(each)
    reward = (likes < (REWARDS[action] + kind * MORE[action])).astype(float)
    user = rng.integers(0, 2**32, users, dtype=np.uint64).repeat(each)
    return action.astype(np.int64), reward, PROPENSITIES[kind, action], user


@pytest.mark.parametrize("each", [1, 5])
def test_intervals_hold_the_truth_of_rows_that_are_one_users(each: int) -> None:
    rng = np.random.default_rng(3)
    truth = REWARDS + MORE / 2
    held = np.zeros(4)
    for _ in range(200):
        found = Singles(3)
        found.add(*log(rng, 2000, each))
        alone, uniform = found.each(0.95), found.uniform(0.95)
        held[:3] += (alone.low <= truth) & (truth <= alone.high)
        held[3] += uniform.low[0] <= truth.mean() <= uniform.high[0]
    # 95% of 200, less three standard deviations.
    assert held.min() >= 180, held


def test_by_hand_and_in_parts() -> None:
    rows = (
        np.array([0, 0, 1, -1]),
        np.array([1.0, 0.0, 1.0, 1.0]),
        np.array([0.5, 0.25, 0.5, 0.5]),
        np.array([0, 1, 2, 3], dtype=np.uint64),
    )
    whole, first, second = Singles(3), Singles(3), Singles(3)
    whole.add(*rows)
    first.add(*(column[:1] for column in rows))
    second.add(*(column[1:] for column in rows))
    # 2 of 2 + 4, and 2 of 2; the third is in no row, and the fourth row is of none of them.
    alone = whole.each(0.95)
    assert alone.value == pytest.approx([1 / 3, 1.0, np.nan], nan_ok=True)
    assert whole.uniform(0.95).value == pytest.approx([0.5])
    # One group of users is no measure of chance.
    assert np.isnan(alone.low[1:]).all()
    assert alone.low[0] < 1 / 3 < alone.high[0]
    for name, values in (first + second).each(0.95)._asdict().items():
        assert values == pytest.approx(getattr(alone, name), nan_ok=True)
    with pytest.raises(ValueError, match="recommenders: found 2; allowed: 3"):
        whole.merge(Singles(2))
