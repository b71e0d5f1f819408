"""Estimators against examples small enough to verify by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from newsletter_bandit.off_policy.auc import AUC, standard_error
from newsletter_bandit.off_policy.estimators import (
    ESTIMATORS,
    Estimator,
    LoggedBatch,
    diagnostics,
    dm,
    dr,
    dros,
    ips,
    logged,
    paired,
    sndr,
    snips,
    switch_dr,
)

# Weights 2, 0.5, 4; w r = 2, 0, -4; w (r - q) = 1, -0.1, -6.
ROWS = LoggedBatch(
    reward=np.array([1.0, 0.0, -1.0]),
    propensity=np.array([0.5, 0.8, 0.25]),
    evaluation_probability=np.array([1.0, 0.4, 1.0]),
    expected_reward=np.array([0.5, 0.3, 0.1]),
    logged_estimate=np.array([0.5, 0.2, 0.5]),
)


def run(estimator: Estimator, batch: LoggedBatch = ROWS) -> Estimator:
    estimator.add(batch)
    return estimator


def test_ips_by_hand() -> None:
    value, error, n = run(ips.Estimator()).estimate()
    assert value == pytest.approx((2 + 0 - 4) / 3)
    # Centred terms 8/3, 2/3, -10/3: squares sum to 168/9, divided by n (n - 1) = 6.
    assert error == pytest.approx(math.sqrt(168 / 9 / 6))
    assert n == 3


def test_snips_by_hand() -> None:
    value, error, _ = run(snips.Estimator()).estimate()
    assert value == pytest.approx(-2 / 6.5)
    v = -2 / 6.5
    residuals = (2 * (1 - v)) ** 2 + (0.5 * (0 - v)) ** 2 + (4 * (-1 - v)) ** 2
    assert error == pytest.approx(math.sqrt(3 / 2 * residuals) / 6.5)


def test_dm_by_hand() -> None:
    value, error, _ = run(dm.Estimator()).estimate()
    assert value == pytest.approx(0.3)
    assert error == pytest.approx(math.sqrt(0.08 / 6))


def test_dr_by_hand() -> None:
    # Terms 0.5 + 1, 0.3 - 0.1, 0.1 - 6.
    assert run(dr.Estimator()).estimate().value == pytest.approx((1.5 + 0.2 - 5.9) / 3)


def test_sndr_by_hand() -> None:
    # Corrections 1, -0.1, -6 over weights 2, 0.5, 4.
    value = run(sndr.Estimator()).estimate().value
    assert value == pytest.approx(0.9 / 3 - 5.1 / 6.5)


def test_sndr_error_is_that_of_its_influences() -> None:
    estimator = run(sndr.Estimator())
    correction, mean_weight = -5.1 / 6.5, 6.5 / 3
    influence = (ROWS.expected_reward - 0.3) + (
        np.array([1.0, -0.1, -6.0]) - correction * np.array([2.0, 0.5, 4.0])
    ) / mean_weight
    assert influence.mean() == pytest.approx(0.0, abs=1e-12)
    assert estimator.estimate().standard_error == pytest.approx(math.sqrt((influence**2).sum() / 6))


def test_switch_dr_by_hand() -> None:
    class AtMostTwo(switch_dr.Estimator):
        tau = 2.0

    # The third row, of weight 4, is left to the model.
    assert run(AtMostTwo()).estimate().value == pytest.approx((1.5 + 0.2 + 0.1) / 3)


def test_dros_by_hand() -> None:
    class OfFour(dros.Estimator):
        shrinkage = 4.0

    # Weights 2, 0.5, 4 become 8/8, 2/4.25, 16/20.
    expected = (0.5 + 0.5) + (0.3 - 0.2 * 2 / 4.25) + (0.1 - 1.5 * 0.8)
    assert run(OfFour()).estimate().value == pytest.approx(expected / 3)


def test_the_shrinking_estimators_lie_between_dm_and_dr() -> None:
    direct, robust = (run(kind()).estimate().value for kind in (dm.Estimator, dr.Estimator))
    for base, name, ends in ((switch_dr, "tau", (0.0, math.inf)), (dros, "shrinkage", (0.0, math.inf))):
        for end, expected in zip(ends, (direct, robust), strict=True):
            kind = type("AtTheEnd", (base.Estimator,), {name: end})
            assert run(kind()).estimate().value == pytest.approx(expected)


def test_logged_by_hand() -> None:
    value, error, _ = run(logged.Estimator()).estimate()
    assert value == 0.0
    assert error == pytest.approx(math.sqrt(2 / 6))


def test_clip_applies_to_every_weighted_estimator_alike() -> None:
    # Weights 2, 0.5, 2.
    assert run(ips.Estimator(weight_clip=2.0)).estimate().value == pytest.approx(0.0)
    assert run(snips.Estimator(weight_clip=2.0)).estimate().value == pytest.approx(0.0)
    assert run(dr.Estimator(weight_clip=2.0)).estimate().value == pytest.approx((1.5 + 0.2 - 2.9) / 3)
    weights = diagnostics.Weights(weight_clip=2.0)
    weights.add(ROWS)
    assert (weights.max, weights.max_unclipped, weights.clipped) == (2.0, 4.0, 1)
    assert weights.clipped_share == pytest.approx(1 / 3)
    assert weights.mean == pytest.approx(1.5)


def test_interval_is_the_normal_one() -> None:
    estimator = run(ips.Estimator())
    value, error, _ = estimator.estimate()
    assert estimator.interval(0.95, "normal") == pytest.approx(
        (value - 1.959964 * error, value + 1.959964 * error)
    )


def test_weights_by_hand() -> None:
    weights = diagnostics.Weights()
    weights.add(ROWS)
    assert weights.mean == pytest.approx(6.5 / 3)
    assert weights.effective_sample_size == pytest.approx(6.5**2 / (4 + 0.25 + 16))
    assert (weights.n, weights.max, weights.clipped) == (3, 4.0, 0)


def test_top_share_and_mean_by_hand() -> None:
    """Five of 1,000 rows weigh 100 and the rest 1, so the heaviest ten carry 505 of 1,495."""
    propensity = np.where(np.arange(1000) < 5, 0.01, 1.0)
    one, none = np.ones(1000), np.zeros(1000)
    weights = diagnostics.Weights()
    weights.add(LoggedBatch(none, propensity, one, none, none))
    assert weights.top_share == pytest.approx(505 / 1495)
    assert weights.mean == pytest.approx(1.495)
    assert math.isnan(diagnostics.Weights().top_share)


def test_overlap_by_hand() -> None:
    overlap = diagnostics.Overlap(recommenders=3)
    overlap.add(ROWS, np.array([0, 0, 2]))
    assert overlap.rows.tolist() == [2, 0, 1]
    assert overlap.logged_share == pytest.approx([2 / 3, 0, 1 / 3])
    assert overlap.evaluation_share == pytest.approx([2.5 / 3, 0, 4 / 3])
    assert overlap.effective_sample_size == pytest.approx([2.5**2 / 4.25, 0, 1])


def test_paired_differences_by_hand() -> None:
    other = LoggedBatch(ROWS.reward, ROWS.propensity, np.zeros(3), np.array([0.1, 0.2, 0.3]), np.zeros(3))
    to_production = paired.PolicyDifference()
    to_production.add(ROWS, other)
    # 1.5 - 0.1, 0.2 - 0.2, -5.9 - 0.3: centred 3, 1.6, -4.6.
    value, error, n = to_production.estimate()
    assert (value, n) == (pytest.approx(-1.6), 3)
    assert error == pytest.approx(math.sqrt((3**2 + 1.6**2 + 4.6**2) / 6))
    assert to_production.lower_bound(0.95, "normal") == pytest.approx(value - 1.644854 * error)
    assert to_production.upper_bound(0.95, "normal") == pytest.approx(value + 1.644854 * error)

    to_logging = paired.LoggingDifference()
    to_logging.add(ROWS)
    assert to_logging.estimate().value == pytest.approx((0.5 + 0.2 - 4.9) / 3)


def test_a_difference_to_a_share_of_the_baseline_by_hand() -> None:
    other = LoggedBatch(ROWS.reward, ROWS.propensity, np.zeros(3), np.array([0.1, 0.2, 0.3]), np.zeros(3))
    excess = paired.PolicyDifference(multiple=0.9)
    excess.add(ROWS, other)
    # 1.5 - .09, 0.2 - .18, -5.9 - .27 add up to -4.74.
    assert excess.estimate().value == pytest.approx(-4.74 / 3)
    to_logging = paired.LoggingDifference(multiple=0.5)
    to_logging.add(ROWS)
    plain = paired.LoggingDifference()
    plain.add(ROWS)
    assert to_logging.estimate().value == pytest.approx(plain.estimate().value + 0.5 * ROWS.reward.mean())


def test_without_a_click_a_difference_may_have_either_sign() -> None:
    """The row that would move the difference down counts as well as the one that would move it up."""
    propensity, nothing = np.array([0.5, 0.1, 0.5]), np.zeros(3)
    candidate = LoggedBatch(nothing, propensity, np.array([1.0, 0.0, 0.0]), nothing, nothing)
    baseline = LoggedBatch(nothing, propensity, np.array([0.0, 0.5, 0.0]), nothing, nothing)
    difference = paired.PolicyDifference(None, (0.0, 1.0))
    difference.add(candidate, baseline)
    # Weights 2 - 0 and 0 - 5; the upper bound of a count of none at 97.5% is 3.689.
    assert difference.estimate().value == 0.0
    assert difference.upper_bound(0.975) == pytest.approx(min(2 * 3.689 / 3, 1.0), abs=1e-3)
    assert difference.lower_bound(0.975) == -1.0  # five thirds of 3.689, beyond all that can be lost


def test_rows_of_one_user_count_together_by_hand() -> None:
    """Two users with three rows each: the mean is known as from two rows, not six."""
    reward, one = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), np.ones(6)
    batch = LoggedBatch(reward, one, one, one, one, np.array([7, 7, 7, 8, 8, 8], dtype=np.uint64))
    clustered, alone = ips.Estimator(), ips.Estimator()
    clustered.add(batch)
    alone.add(replace(batch, user=None))
    # Influences of +-.5 sum to +-1.5 by user: 2 * 1.5^2 in place of 6 * .5^2.
    assert clustered.estimate().standard_error == pytest.approx(math.sqrt(4.5 / 30))
    assert alone.estimate().standard_error == pytest.approx(math.sqrt(1.5 / 30))
    halves = ips.Estimator() + ips.Estimator()
    for rows in (slice(0, 2), slice(2, 6)):
        part = ips.Estimator()
        fields = (reward, one, one, one, one)
        part.add(LoggedBatch(*(each[rows] for each in fields), batch.user[rows]))  # type: ignore[index]
        halves = halves + part
    assert halves.estimate().standard_error == pytest.approx(clustered.estimate().standard_error)


def test_bounds_stay_within_the_rewards_range_unless_the_estimate_does_not() -> None:
    two = LoggedBatch(*(np.array(values) for values in ([1.0, 0.0], [0.1, 1.0], [0.1, 1.0], [0, 0], [0, 0])))
    inside = ips.Estimator(None, (0.0, 1.0))
    inside.add(two)
    assert inside.interval() == (0.0, 1.0)
    outside = ips.Estimator(None, (0.0, 1.0))
    outside.add(replace(two, evaluation_probability=np.array([0.5, 1.0])))
    assert outside.estimate().value == 2.5
    assert outside.interval().high > 2.5


def test_the_mean_weight_by_hand() -> None:
    found = diagnostics.MeanWeight()
    found.add(ROWS)
    assert found.mean == pytest.approx(ROWS.weights().mean())
    # Below 1 the way up counts, with one more row at the smallest propensity; above 1 the way down.
    few = diagnostics.MeanWeight()
    nothing = np.zeros(2000)
    few.add(LoggedBatch(nothing, np.full(2000, 0.5), nothing, nothing, nothing))
    assert few.mean == 0.0
    # A count of none, at four standard errors: at most 10.36 rows of weight 2.
    assert few.reach == pytest.approx(2 * 10.36 / 2000, abs=1e-4)


def test_a_policy_differs_from_itself_by_exactly_nothing() -> None:
    difference = paired.PolicyDifference()
    difference.add(ROWS, ROWS)
    assert difference.estimate() == (0.0, 0.0, 3)
    assert difference.lower_bound(0.95) == 0.0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_too_few_rows_are_unknown(name: str) -> None:
    estimator = ESTIMATORS[name]()
    assert math.isnan(estimator.estimate().value)
    assert estimator.interval() == (-math.inf, math.inf)
    estimator.add(LoggedBatch(*([value] for value in (1.0, 0.5, 0.5, 0.4, 0.4))))  # type: ignore[arg-type]
    value, error, n = estimator.estimate()
    assert math.isfinite(value)
    assert math.isnan(error)
    assert n == 1
    assert estimator.interval() == (-math.inf, math.inf)


def test_snips_is_unknown_where_the_policy_never_agrees_with_the_log() -> None:
    never = LoggedBatch(ROWS.reward, ROWS.propensity, np.zeros(3), ROWS.expected_reward, ROWS.logged_estimate)
    assert math.isnan(run(snips.Estimator(), never).estimate().value)
    assert run(ips.Estimator(), never).estimate().value == 0.0


def test_the_error_of_an_auc_by_hand_and_by_simulation() -> None:
    # One of each: A (1 - A).
    assert standard_error(0.5, 1, 1) == 0.5
    assert math.isnan(standard_error(0.5, 0, 10))
    rng = np.random.default_rng(1)
    found = []
    for _ in range(2000):
        measured = AUC()
        scores = np.concatenate([rng.normal(0.6, 0.1, 20), rng.normal(0.5, 0.1, 200)])
        measured.add(scores.clip(0, 1), np.arange(220) < 20)
        found.append(measured.value())
    # On the safe side for normal scores, as Hanley and McNeil say of their formula.
    assert 1.0 < standard_error(float(np.mean(found)), 20, 200) / np.std(found) < 1.25
