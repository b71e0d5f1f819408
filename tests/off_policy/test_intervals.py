"""Confidence bounds: by hand, against exact ones, and how often they cover."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.coverage import SETTINGS, Setting, draw, measure
from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy import intervals
from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch, dr, ips, logged, snips
from newsletter_bandit.off_policy.estimators.resampling import Resamples, poisson
from newsletter_bandit.off_policy.intervals import METHODS, Summary


def counted(successes: int, rows: int, weight: float = 1.0) -> ips.Estimator:
    """IPS of a policy with the same weight everywhere, over rows of which some have reward 1."""
    reward = np.zeros(rows)
    reward[:successes] = 1.0
    estimator = ips.Estimator(reward_range=(0.0, 1.0))
    probability = np.full(rows, 0.1)
    estimator.add(LoggedBatch(reward, probability / weight, probability, np.zeros(rows), np.zeros(rows)))
    return estimator


@pytest.mark.parametrize("successes", [0, 1, 3, 10, 100])
@pytest.mark.parametrize("weight", [1.0, 5.0])
def test_gamma_is_the_exact_interval_of_a_rare_count(successes: int, weight: float) -> None:
    """Garwood (1936): chi-square quantiles with 2 y and 2 y + 2 degrees of freedom, halved."""
    rows = 1_000_000
    low, high = counted(successes, rows, weight).interval(0.95)
    exact_low = stats.chi2.ppf(0.025, 2 * successes) / 2 if successes else 0.0
    exact_high = stats.chi2.ppf(0.975, 2 * successes + 2) / 2
    assert low * rows / weight == pytest.approx(exact_low, rel=2e-3, abs=2e-3)
    assert high * rows / weight == pytest.approx(exact_high, rel=2e-3)


def test_gamma_turns_with_the_skew() -> None:
    """Rewards that are rarely -1 give the mirror image of rewards that are rarely 1."""
    plain = Summary(1000, 0.01, squares=9.9, cubes=9.7, low=-0.01, high=0.99)
    low, high = intervals.interval(plain, 0.95, "gamma")
    mirrored = intervals.interval(plain.reflected(), 0.95, "gamma")
    assert mirrored == pytest.approx((-high, -low))
    assert high - 0.01 > 0.01 - low > 0


def test_gamma_is_normal_where_nothing_is_skewed() -> None:
    summary = Summary(10_000, 0.3, squares=2100.0, cubes=0.0)
    for method in ("normal", "gamma"):
        low, high = intervals.interval(summary, 0.95, method)
        reach = 1.959964 * math.sqrt(2100.0 / (10_000 * 9_999))
        assert (low, high) == pytest.approx((0.3 - reach, 0.3 + reach))


def test_clopper_pearson_is_scipys() -> None:
    low, high = counted(3, 200).interval(0.95, "clopper_pearson")
    exact = stats.binomtest(3, 200).proportion_ci(0.95, "exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))


def test_clopper_pearson_scales_with_the_range() -> None:
    """A reward in [-1, 1] is a share of the way from -1 to 1."""
    estimator = logged.Estimator(reward_range=(-1.0, 1.0))
    reward = np.repeat([1.0, -1.0], [30, 10])
    one = np.ones(40)
    estimator.add(LoggedBatch(reward, one, one, 0 * one, 0 * one))
    exact = stats.binomtest(30, 40).proportion_ci(0.95, "exact")
    low, high = estimator.interval(0.95, "clopper_pearson")
    assert (low, high) == pytest.approx((2 * exact.low - 1, 2 * exact.high - 1))


def test_empirical_bernstein_by_hand() -> None:
    # Ten rows, half of them 1: sample variance 2.5 / 9; terms lie in [0, 1].
    log = math.log(2 / 0.025)
    reach = math.sqrt(2 * (2.5 / 9) * log / 10) + 7 * log / (3 * 9)
    bound = counted(5, 10).upper_bound(0.975, "empirical_bernstein")
    assert bound == pytest.approx(min(0.5 + reach, 1.0))


def test_methods_that_need_the_range_know_nothing_without_it() -> None:
    estimator = ips.Estimator()
    estimator.add(LoggedBatch(*([np.array([1.0, 0.0, 1.0])] + [np.full(3, 0.5)] * 4)))
    for method in ("clopper_pearson", "empirical_bernstein", "bootstrap"):
        assert estimator.interval(0.95, method) == (-math.inf, math.inf)
    assert math.isfinite(estimator.interval(0.95, "gamma").high)


def test_unknown_method_and_confidence_are_refused() -> None:
    with pytest.raises(ValueError, match=r"interval: found 'wald'; allowed: normal, gamma"):
        counted(1, 10).interval(0.95, "wald")
    with pytest.raises(ValueError, match="confidence: found 95"):
        counted(1, 10).interval(95)
    with pytest.raises(ValueError, match="reward_range"):
        ips.Estimator(reward_range=(1.0, 1.0))


def test_poisson_draws_are_poisson_and_repeat_themselves() -> None:
    user = np.arange(20_000, dtype=np.uint64)
    copies = poisson(user, 5)
    # Mean and variance are 1; the variance of a sample variance of n Poisson(1) draws is about 3 / n.
    assert copies.mean() == pytest.approx(1.0, abs=4.5 / math.sqrt(100_000))
    assert copies.var() == pytest.approx(1.0, abs=4.5 * math.sqrt(3 / 100_000))
    assert abs(np.corrcoef(copies[:, 0], copies[:, 1])[0, 1]) < 4.5 / math.sqrt(20_000)
    assert np.array_equal(poisson(user[::-1], 5)[::-1], copies)


def test_rows_of_one_user_are_resampled_together() -> None:
    """Each user's ten rows are alike, so the bootstrap must see 100 independent values and not 1,000."""
    rng = np.random.default_rng(4)
    reward = np.repeat(rng.random(100), 10)
    one = np.ones(1000)
    estimator = logged.Estimator(samples=400)
    user = np.repeat(rng.integers(2**63, size=100, dtype=np.uint64), 10)
    estimator.add(LoggedBatch(reward, one, one, 0 * one, 0 * one, user))
    low, high = estimator.interval(0.95, "bootstrap")
    by_user = 2 * 1.96 * reward.std() / 10
    assert high - low == pytest.approx(by_user, rel=0.25)


def test_bootstrap_without_users_is_refused() -> None:
    estimator = ips.Estimator(samples=10)
    with pytest.raises(DataError, match="no user; allowed with bootstrap samples"):
        estimator.add(LoggedBatch(*([np.array([1.0])] * 5)))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 300), min_size=1, max_size=4), st.booleans())
def test_bounds_do_not_depend_on_the_order_of_merging(seed: int, cuts: list[int], backwards: bool) -> None:
    batch, _ = draw(Setting(300, 5, "skewed", rate=0.05), np.random.default_rng(seed))
    edges = [0, *sorted(cuts), 300]
    for kind in ESTIMATORS.values():
        whole = kind(50.0, (0.0, 1.0), 20)
        whole.add(batch)
        parts = []
        for start, stop in itertools.pairwise(edges):
            part = kind(50.0, (0.0, 1.0), 20)
            fields = (
                "reward",
                "propensity",
                "evaluation_probability",
                "expected_reward",
                "logged_estimate",
                "user",
            )
            part.add(LoggedBatch(*(getattr(batch, name)[start:stop] for name in fields)))
            parts.append(part)
        total = kind(50.0, (0.0, 1.0), 20)
        for part in parts[::-1] if backwards else parts:
            total.merge(part)
        for method in METHODS:
            assert total.interval(0.95, method) == pytest.approx(
                whole.interval(0.95, method), rel=1e-9, abs=1e-12
            )
        assert total.estimate().value == pytest.approx(whole.estimate().value, rel=1e-12, abs=1e-12)


def test_differently_made_estimators_do_not_merge() -> None:
    for other in (
        snips.Estimator(2.0),
        dr.Estimator(),
        snips.Estimator(samples=3),
        snips.Estimator(None, (0, 1)),
    ):
        with pytest.raises(ValueError, match="allowed: to merge with one that was made as"):
            snips.Estimator().merge(other)


def test_resamples_of_parts_add_up() -> None:
    rng = np.random.default_rng(1)
    terms, user = rng.random((5000, 2)), rng.integers(2**63, size=5000, dtype=np.uint64)
    whole, one, other = (Resamples(7, 2) for _ in range(3))
    whole.add(terms, user)
    one.add(terms[:1234], user[:1234])
    other.add(terms[1234:], user[1234:])
    one.merge(other)
    np.testing.assert_allclose(one.total, whole.total)
    assert np.array_equal(one.count, whole.count)


def test_the_default_covers_rare_rewards_where_the_normal_interval_does_not() -> None:
    """The benchmark in small: 2,000 rows, 12 actions, about one rewarded row that the policy agrees with."""
    assert SETTINGS[1] == Setting(2_000, 12, "uniform")
    found = measure(SETTINGS[1], runs=40)["coverage"]
    for name in ("ips", "snips", "dr", "sndr"):
        # At a true 97% or more, fewer than 36 of 40 come up once in two thousand times.
        assert found[name][intervals.DEFAULT] >= 0.9
        assert found[name]["normal"] < found[name][intervals.DEFAULT]
