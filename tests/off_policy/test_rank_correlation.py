"""Rank correlation and calibration against SciPy and NumPy, and the tail of an outcome against a sort."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from newsletter_bandit.off_policy.rank_correlation import RankCorrelation, standard_error
from newsletter_bandit.off_policy.tails import Tail


def baskets(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Estimates, and rewards that are mostly 0, sometimes a basket, and sometimes a return."""
    rng = np.random.default_rng(seed)
    estimate = rng.normal(0.3, 0.5, n)
    bought = rng.random(n) < 0.1 + 0.2 * (estimate > 0.4)
    reward = np.where(bought, np.exp(rng.normal(4.0 + estimate, 1.0)), 0.0)
    # Halves, so that a float32 of few digits tells them apart.
    return np.round(estimate * 512.0) / 512.0, np.where(rng.random(n) < 0.01, -10.0, np.round(reward))


@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_scipys_however_the_rows_are_split(seed: int) -> None:
    estimate, reward = baskets(5000, seed)
    parts = []
    for rows in np.array_split(np.random.default_rng(seed).permutation(5000), 4):
        part = RankCorrelation()
        part.add(estimate[rows], reward[rows])
        parts.append(part)
    found = parts[0] + parts[1] + (parts[2] + parts[3])
    # Baskets above 4,096 are counted by steps of more than 1.
    assert found.value() == pytest.approx(stats.spearmanr(estimate, reward).statistic, abs=1e-5)
    assert found.slope() == pytest.approx(np.polyfit(estimate, reward, 1)[0], rel=1e-9)
    assert found.bias() == pytest.approx(estimate.mean() - reward.mean(), rel=1e-9)


def test_signs_and_zeros_are_in_order() -> None:
    found = RankCorrelation()
    values = np.array([-1e30, -2.0, -1e-30, -0.0, 0.0, 1e-30, 3.0, 1e30])
    found.add(values, np.array([0.0, 1, 2, 3, 3, 4, 5, 6]))
    assert found.value() == pytest.approx(1.0)
    nothing = RankCorrelation()
    assert np.isnan([nothing.value(), nothing.slope(), nothing.bias()]).all()
    nothing.add(np.ones(5), np.arange(5.0))
    assert np.isnan([nothing.value(), nothing.slope()]).all()


def test_the_standard_error_is_that_of_many_logs() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        both = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 300)
        one = RankCorrelation()
        one.add(both[:, 0], both[:, 1])
        found.append(one.value())
    assert np.std(found) == pytest.approx(standard_error(float(np.mean(found)), 300), rel=0.2)
    assert np.isnan(standard_error(0.5, 3))


def test_the_share_of_the_largest_hundredth() -> None:
    _, reward = baskets(20_000, 4)
    parts = [Tail(), Tail()]
    for part, rows in zip(parts, (reward[:7000], reward[7000:]), strict=True):
        part.add(rows)
    found = parts[0] + parts[1]
    largest = np.sort(np.abs(reward))[-200:]
    assert found.top_share == pytest.approx(largest.sum() / np.abs(reward).sum(), rel=0.01)
    assert found.mean == pytest.approx(reward.mean())
    assert found.high == pytest.approx(np.quantile(np.abs(reward[reward != 0]), 0.99), rel=0.06)
    assert np.isnan([Tail().top_share, Tail().mean, Tail().high]).all()
