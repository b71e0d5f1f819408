"""Properties that hold for any log: order of merging, invariances, unbiasedness and coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.policy_values import Measuring, PolicyValues
from components.evaluator.rows import PER_MODEL, SHARED, Shared
from newsletter_bandit.off_policy.auc import AUC
from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch, dm, dr, ips, logged, snips
from newsletter_bandit.off_policy.estimators.diagnostics import Overlap, Weights
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference, PolicyDifference

SEEDS = st.integers(0, 2**32 - 1)


def random_log(seed: int, n: int) -> LoggedBatch:
    rng = np.random.default_rng(seed)
    return LoggedBatch(
        reward=rng.integers(-1, 2, n).astype(float),
        propensity=rng.uniform(0.005, 1.0, n),
        evaluation_probability=rng.uniform(0.0, 1.0, n),
        expected_reward=rng.normal(0.2, 0.3, n),
        logged_estimate=rng.normal(0.2, 0.3, n),
    )


def rows_of(batch: LoggedBatch, rows: npt.NDArray[np.int64]) -> LoggedBatch:
    return LoggedBatch(
        *(
            getattr(batch, name)[rows]
            for name in (
                "reward",
                "propensity",
                "evaluation_probability",
                "expected_reward",
                "logged_estimate",
            )
        )
    )


def split(seed: int, n: int, parts: int) -> list[npt.NDArray[np.int64]]:
    """The rows 0 to n - 1 shuffled into ``parts`` parts, some of them perhaps empty."""
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, n + 1, parts - 1))
    return np.split(rng.permutation(n), cuts)


def close(found: Any, expected: Any) -> None:
    # Weights reach 200, so a term is that large: 1e-12 of it, and 1e-12 below 1.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * 200)


@pytest.mark.parametrize("clip", [None, 10.0])
@pytest.mark.parametrize("name", [*ESTIMATORS, "logged"])
@given(seed=SEEDS, n=st.integers(2, 200), parts=st.integers(1, 8))
def test_merged_estimators_equal_one_pass(
    name: str, clip: float | None, seed: int, n: int, parts: int
) -> None:
    kind = {**ESTIMATORS, "logged": logged.Estimator}[name]
    batch = random_log(seed, n)
    whole = kind(clip)
    whole.add(batch)
    merged = kind(clip)
    for rows in split(seed, n, parts):
        part = kind(clip)
        part.add(rows_of(batch, rows))
        merged = part + merged
    close(merged.estimate(), whole.estimate())


@given(seed=SEEDS, n=st.integers(2, 200), parts=st.integers(1, 8))
def test_merged_differences_and_diagnostics_equal_one_pass(seed: int, n: int, parts: int) -> None:
    batch, action = random_log(seed, n), np.random.default_rng(seed).integers(0, 4, n)
    other = LoggedBatch(
        batch.reward, batch.propensity, batch.evaluation_probability[::-1], batch.expected_reward, np.zeros(n)
    )

    def measure(rows: npt.NDArray[np.int64]) -> tuple[Any, ...]:
        sums = PolicyDifference(), LoggingDifference(), Weights(10.0), Overlap(4, 10.0), AUC()
        seen = rows_of(batch, rows)
        sums[0].add(seen, rows_of(other, rows))
        sums[1].add(seen)
        sums[2].add(seen)
        sums[3].add(seen, action[rows])
        sums[4].add(np.clip(seen.logged_estimate, 0.0, 1.0), seen.reward > 0)
        return sums

    whole = measure(np.arange(n))
    merged = measure(np.arange(0))
    for rows in split(seed, n, parts):
        merged = tuple(part + total for part, total in zip(measure(rows), merged, strict=True))
    for found, expected in zip(merged[:2], whole[:2], strict=True):
        close(found.estimate(), expected.estimate())
    for figure in ("n", "max", "mean", "clipped_share", "effective_sample_size"):
        close(getattr(merged[2], figure), getattr(whole[2], figure))
    for figure in ("rows", "evaluation_share", "effective_sample_size"):
        close(getattr(merged[3], figure), getattr(whole[3], figure))
    np.testing.assert_equal(merged[4].value(), whole[4].value())


@given(seed=SEEDS, n=st.integers(1, 60), parts=st.integers(1, 5), models=st.integers(1, 3))
def test_merged_policy_values_equal_one_pass(seed: int, n: int, parts: int, models: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.uniform(0.01, 1.0, (n, SHARED + PER_MODEL * models))
    table[:, Shared._fields.index("user")] = rng.integers(0, 2**32, n)
    table[:, Shared._fields.index("action")] = rng.integers(0, 3, n)
    table[:, SHARED::PER_MODEL] = rng.integers(0, 2, (n, models))
    measuring = Measuring(recommenders=3, weight_clip=20.0, confidence=0.9)
    whole = PolicyValues(models, measuring)
    whole.add(table)
    merged = PolicyValues(models, measuring)
    for rows in split(seed, n, parts):
        part = PolicyValues(models, measuring)
        part.add(table[rows])
        merged = merged + part
    for found, expected in zip(merged.figures(), whole.figures(), strict=True):
        assert list(found) == list(expected)
        for figure, value in found.items():
            close(value, expected[figure])


@given(seed=SEEDS, n=st.integers(2, 100), offset=st.sampled_from([0.0, 1e6]))
def test_weights_of_one_reduce_to_the_mean(seed: int, n: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    propensity = rng.uniform(0.01, 1.0, n)
    reward = rng.normal(offset, 1.0, n)
    batch = LoggedBatch(reward, propensity, propensity, np.zeros(n), np.zeros(n))
    expected = (reward.mean(), reward.std(ddof=1) / np.sqrt(n), n)
    for kind in (ips.Estimator, snips.Estimator, dr.Estimator, logged.Estimator):
        estimator = kind()
        estimator.add(batch)
        # No digits are lost to a large mean.
        assert estimator.estimate() == pytest.approx(expected, rel=1e-6)


@given(seed=SEEDS, n=st.integers(2, 100))
def test_dr_equals_dm_where_the_reward_model_is_right(seed: int, n: int) -> None:
    batch = random_log(seed, n)
    right = LoggedBatch(
        batch.reward, batch.propensity, batch.evaluation_probability, batch.expected_reward, batch.reward
    )
    doubly, direct = dr.Estimator(), dm.Estimator()
    doubly.add(right)
    direct.add(right)
    assert doubly.estimate() == direct.estimate()


@given(seed=SEEDS, n=st.integers(2, 100))
def test_snips_stays_within_the_rewards(seed: int, n: int) -> None:
    batch = random_log(seed, n)
    estimator = snips.Estimator()
    estimator.add(batch)
    low, high = batch.reward.min(), batch.reward.max()
    assert low - 1e-12 <= estimator.estimate().value <= high + 1e-12


@given(seed=SEEDS, n=st.integers(2, 60))
def test_auc_is_the_share_of_ordered_pairs(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 11, n) / 10.0
    outcome = rng.random(n) < 0.5
    auc = AUC()
    auc.add(score, outcome)
    gaps = score[outcome][:, None] - score[~outcome][None, :]
    if gaps.size:
        assert auc.value() == pytest.approx((np.sum(gaps > 0) + np.sum(gaps == 0) / 2) / gaps.size)
    else:
        assert np.isnan(auc.value())


class SimulatedLogs:
    """Logs of a softmax policy in a world of two contexts and three actions, rewards in {-1, 0, 1}."""

    CLICK = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.6]])
    UNSUBSCRIBE = np.array([[0.02, 0.05, 0.1], [0.1, 0.05, 0.02]])
    LOGGING = np.array([[0.6, 0.3, 0.1], [0.3, 0.4, 0.3]])
    CANDIDATE = np.array([[0.9, 0.05, 0.05], [0.05, 0.05, 0.9]])
    PRODUCTION = np.array([[0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    # A reward model that is wrong everywhere.
    ESTIMATES = np.array([[0.3, 0.3, 0.3], [0.0, 0.3, 0.4]])

    @classmethod
    def value(cls, policy: npt.NDArray[np.float64]) -> float:
        return float((policy * (cls.CLICK - cls.UNSUBSCRIBE)).sum(axis=1).mean())

    @classmethod
    def draw(cls, logs: int, n: int, seed: int) -> list[dict[str, LoggedBatch]]:
        """``logs`` logs of ``n`` rows, each as the candidate and production see it."""
        rng = np.random.default_rng(seed)
        context = rng.integers(0, 2, (logs, n))
        cumulative = cls.LOGGING.cumsum(axis=1)[context]
        action = (rng.random((logs, n, 1)) > cumulative[..., :2]).sum(axis=2)
        draw = rng.random((logs, n))
        click, unsubscribe = cls.CLICK[context, action], cls.UNSUBSCRIBE[context, action]
        reward = np.where(draw < click, 1.0, np.where(draw > 1.0 - unsubscribe, -1.0, 0.0))

        def seen_by(policy: npt.NDArray[np.float64], log: int) -> LoggedBatch:
            x, a = context[log], action[log]
            expected = (policy * cls.ESTIMATES).sum(axis=1)
            return LoggedBatch(reward[log], cls.LOGGING[x, a], policy[x, a], expected[x], cls.ESTIMATES[x, a])

        return [
            {"candidate": seen_by(cls.CANDIDATE, log), "production": seen_by(cls.PRODUCTION, log)}
            for log in range(logs)
        ]


@pytest.fixture(scope="module")
def logs() -> list[dict[str, LoggedBatch]]:
    return SimulatedLogs.draw(logs=600, n=800, seed=11)


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_estimates_are_unbiased_and_intervals_cover(name: str, logs: list[dict[str, LoggedBatch]]) -> None:
    truth = SimulatedLogs.value(SimulatedLogs.CANDIDATE)
    values, covered = [], []
    for log in logs:
        estimator = ESTIMATORS[name]()
        estimator.add(log["candidate"])
        low, high = estimator.interval(0.95)
        values.append(estimator.estimate().value)
        covered.append(low <= truth <= high)
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values) - truth) < 4 * error
    assert np.mean(covered) >= 0.92


def test_dm_keeps_the_bias_of_its_model(logs: list[dict[str, LoggedBatch]]) -> None:
    estimator = dm.Estimator()
    for log in logs:
        estimator.add(log["candidate"])
    low, high = estimator.interval(0.95)
    assert not low <= SimulatedLogs.value(SimulatedLogs.CANDIDATE) <= high


def test_paired_intervals_cover_and_are_shorter_than_separate_ones(
    logs: list[dict[str, LoggedBatch]],
) -> None:
    world = SimulatedLogs
    gain = world.value(world.CANDIDATE) - world.value(world.PRODUCTION)
    over_logging = world.value(world.CANDIDATE) - world.value(world.LOGGING)
    covered: list[list[bool]] = [[], [], []]
    paired_errors, separate_errors = [], []
    for log in logs:
        difference, to_logging = PolicyDifference(), LoggingDifference()
        difference.add(log["candidate"], log["production"])
        to_logging.add(log["candidate"])
        for found, (low, high), truth in (
            (covered[0], difference.interval(0.95), gain),
            (covered[1], to_logging.interval(0.95), over_logging),
        ):
            found.append(low <= truth <= high)
        covered[2].append(difference.lower_bound(0.95) <= gain)
        doubly, on_policy = dr.Estimator(), logged.Estimator()
        doubly.add(log["candidate"])
        on_policy.add(log["candidate"])
        paired_errors.append(to_logging.estimate().standard_error)
        separate_errors.append(
            np.hypot(doubly.estimate().standard_error, on_policy.estimate().standard_error)
        )
    assert min(np.mean(found) for found in covered) >= 0.92
    assert np.mean(paired_errors) < np.mean(separate_errors)
