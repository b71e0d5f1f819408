"""Slot-by-slot rankings and their probabilities, by hand and by counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.trainer import exploration
from components.trainer.exploration import Distribution, best, mixture, rank, softmax, uniform, votes
from components.trainer.keyed_hash import BUCKETS, draws


def at(*points: float) -> tf.Tensor:
    """Draws that pick these points, in [0, 1), of the slots' cumulative distributions."""
    return tf.constant([[int(point * BUCKETS) for point in points]], tf.int64)


def epsilon_greedy(preference: list[float], epsilon: float) -> Distribution:
    return mixture(epsilon, uniform, best(tf.constant([preference], tf.float32)))


def one_row(policy: Distribution, eligible: list[bool], points: list[float]) -> tuple[list[int], np.ndarray]:
    ranked = rank(policy, tf.constant([eligible]), at(*points))
    return ranked.order.numpy()[0].tolist(), ranked.propensity.numpy()[0]


def test_epsilon_greedy_slots_by_hand() -> None:
    policy = epsilon_greedy([0.1, 0.3, 0.2], 0.3)
    # Slot 1: (.1, .8, .1), slot 2 of {0, 2}: (.15, .85), slot 3: the one that is left.
    order, propensity = one_row(policy, [True] * 3, [0.5, 0.5, 0.5])
    assert order == [1, 2, 0]
    np.testing.assert_allclose(propensity, [0.8, 0.85, 1.0], rtol=1e-6)
    order, propensity = one_row(policy, [True] * 3, [0.95, 0.1, 0.5])
    assert order == [2, 0, 1]
    # Of {0, 1} the best is 1, so 0 has .15.
    np.testing.assert_allclose(propensity, [0.1, 0.15, 1.0], rtol=1e-6)


def test_softmax_slots_by_hand() -> None:
    # exp(0), exp(ln 2), exp(ln 5): 1/8, 2/8, 5/8; without the last 1/3, 2/3.
    policy = softmax(tf.constant([[0.0, 2 * np.log(2), 2 * np.log(5)]], tf.float32), 2.0)
    order, propensity = one_row(policy, [True] * 3, [0.9, 0.2, 0.0])
    assert order == [2, 0, 1]
    np.testing.assert_allclose(propensity, [5 / 8, 1 / 3, 1.0], rtol=1e-6)


def test_votes_slots_by_hand() -> None:
    # Best of all: 0, 0, 1, 2; best without 0: 1, 2, 1, 2.
    drawn = tf.constant([[[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [0.0, 1.0, 2.0]]])
    order, propensity = one_row(votes(drawn), [True] * 3, [0.1, 0.9, 0.5])
    assert order == [0, 2, 1]
    np.testing.assert_allclose(propensity, [0.5, 0.5, 1.0])
    order, propensity = one_row(votes(drawn), [False, True, True], [0.1, 0.9, 0.5])
    assert order == [1, 2, -1]
    np.testing.assert_allclose(propensity, [0.5, 1.0, 0.0])


def test_large_logits_stay_finite() -> None:
    order, propensity = one_row(softmax(tf.constant([[1e6, -1e6, 0.0]]), 1e-3), [True] * 3, [0.5] * 3)
    assert order == [0, 2, 1]
    np.testing.assert_allclose(propensity, 1.0)


def test_a_row_without_eligible_recommender_is_empty() -> None:
    for policy in (epsilon_greedy([0.9, 0.3], 0.5), softmax(tf.constant([[0.9, 0.3]]), 1.0)):
        order, propensity = one_row(policy, [False, False], [0.0, 0.0])
        assert order == [-1, -1]
        assert propensity.tolist() == [0.0, 0.0]


def test_where_chooses_by_row() -> None:
    left = tf.ones([2, 2], tf.bool)
    policy = exploration.where(tf.constant([True, False]), best(tf.constant([[1.0, 0.0]] * 2)), uniform)
    np.testing.assert_allclose(policy(left), [[1.0, 0.0], [0.5, 0.5]])


@settings(max_examples=40)
@given(
    st.integers(1, 5).flatmap(
        lambda arms: st.tuples(
            st.lists(st.floats(-3, 3, width=32), min_size=arms, max_size=arms),
            st.lists(st.booleans(), min_size=arms, max_size=arms),
        )
    ),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["best", "softmax", "votes"]),
)
def test_every_policy_is_a_distribution_over_those_left(
    row: tuple[list[float], list[bool]], rate: float, epsilon: float, kind: str
) -> None:
    preference, left = tf.constant([row[0]], tf.float32), tf.constant([row[1]])
    noise = tf.constant(np.random.default_rng(1).normal(size=(1, 7, len(row[0]))), tf.float32)
    own = {
        "best": best(preference),
        "softmax": softmax(preference, 0.5),
        "votes": votes(preference[:, None] + noise),
    }[kind]
    policy = mixture(rate, mixture(epsilon, uniform, own), best(preference))
    probabilities = policy(left).numpy()[0]
    assert (probabilities >= 0).all()
    assert not probabilities[~np.array(row[1])].any()
    assert probabilities.sum() == pytest.approx(1.0 if any(row[1]) else 0.0, abs=1e-12)
    ranked = rank(policy, left, tf.constant([[BUCKETS - 1] * len(row[0])], tf.int64))
    order = ranked.order.numpy()[0]
    assert sorted(order[order >= 0]) == np.flatnonzero(row[1]).tolist()
    assert ((ranked.propensity.numpy()[0] > 0) == (order >= 0)).all()


@pytest.mark.parametrize(
    "policy",
    [
        mixture(0.25, uniform, best(tf.constant([[0.2, 0.7, 0.4]]))),
        softmax(tf.constant([[0.2, 0.7, 0.4]]), 0.3),
        votes(tf.constant(np.random.default_rng(2).normal(size=(1, 20, 3)), tf.float32)),
    ],
    ids=["epsilon-greedy", "softmax", "votes"],
)
def test_propensities_are_the_probabilities_of_the_rankings(policy: Distribution) -> None:
    """Over all rankings the products of the slots' propensities sum to 1 and match how often they occur."""
    count = 40_000
    drawn = tf.constant(np.random.default_rng(3).integers(0, BUCKETS, (count, 3)), tf.int64)
    ranked = rank(policy, tf.ones([count, 3], tf.bool), drawn)
    orders = [tuple(order) for order in ranked.order.numpy().tolist()]
    probability = dict(zip(orders, ranked.propensity.numpy().prod(axis=1), strict=True))
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-5)
    for order in itertools.permutations(range(3)):
        expected = probability.get(order, 0.0)
        error = np.sqrt(max(expected * (1 - expected), 1e-12) / count)
        assert abs(orders.count(order) / count - expected) <= 4.5 * error + 1e-6


def test_draws_are_uniform_and_independent_of_each_other() -> None:
    users = tf.constant([f"user-{i}" for i in range(20_000)])
    drawn = draws("news", users, tf.fill([20_000], "c"), tf.constant("2026-11-23"), 2).numpy() / BUCKETS
    for column in drawn.T:
        counts, _ = np.histogram(column, bins=20, range=(0, 1))
        # Chi-square of 19 degrees of freedom; 43.8 is its 99.9% quantile.
        assert ((counts - 1000) ** 2 / 1000).sum() < 43.8
    # Standard error of a correlation is 0.007.
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.03


def test_user_and_campaign_are_kept_apart() -> None:
    joined = draws("news", tf.constant(["ab", "a"]), tf.constant(["c", "bc"]), tf.constant(""), 1).numpy()
    assert joined[0, 0] != joined[1, 0]


def test_another_use_case_or_day_draws_independently() -> None:
    users = tf.constant([f"user-{i}" for i in range(20_000)])

    def drawn(use_case: str, day: str) -> np.ndarray:
        return draws(use_case, users, tf.fill([20_000], "always"), tf.constant(day), 1).numpy()[:, 0]

    first = drawn("news", "2026-11-23")
    assert np.array_equal(first, drawn("news", "2026-11-23"))
    for other in (drawn("home", "2026-11-23"), drawn("news", "2026-11-30")):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


NEW = [False, True, False, True]


@pytest.mark.parametrize(
    "preference",
    [[0.1, 9.0, 0.2, 0.3], [0.4, -9.0, 0.2, -9.0], [0.1, 9.0, 0.2, 8.9]],
    ids=["a bonus wins everywhere", "far behind", "both ahead"],
)
@pytest.mark.parametrize("kind", ["best", "softmax", "votes"])
def test_a_new_recommender_has_its_budget_and_the_propensities_are_right(
    preference: list[float], kind: str
) -> None:
    """Shares of first slots are within the budget, and draws are as often as their propensities say."""
    x = tf.constant([preference], tf.float32)
    noise = tf.constant(np.random.default_rng(1).normal(size=(1, 40, 4)), tf.float32)
    own = {"best": best(x), "softmax": softmax(x, 0.2), "votes": votes(x[:, None] + noise)}[kind]
    policy = exploration.budgeted(mixture(0.1, uniform, own), NEW, least=0.02, most=0.06, total=0.1)
    count = 40_000
    drawn = tf.constant(np.random.default_rng(3).integers(0, BUCKETS, (count, 4)), tf.int64)
    ranked = rank(policy, tf.ones([count, 4], tf.bool), drawn)
    orders = [tuple(order) for order in ranked.order.numpy().tolist()]
    probability = dict(zip(orders, ranked.propensity.numpy().prod(axis=1), strict=True))
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-3)
    likely = [order for order, p in probability.items() if p * count >= 20]
    expected = np.array([probability[order] * count for order in likely])
    found = np.array([orders.count(order) for order in likely])
    expected, found = np.append(expected, count - expected.sum()), np.append(found, count - found.sum())
    chi_square = ((found - expected) ** 2 / np.maximum(expected, 1e-9))[expected > 5].sum()
    freedom = len(likely)
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)
    shares = policy(tf.constant([[True] * 4])).numpy()[0]
    assert ((shares[[1, 3]] >= 0.02) & (shares[[1, 3]] <= 0.06)).all()
    assert shares[[1, 3]].sum() <= 0.1 + 1e-12
    # Where only new ones are left, it is the policy itself.
    alone = tf.constant([[False, True, False, True]])
    np.testing.assert_allclose(policy(alone), mixture(0.1, uniform, own)(alone))


def test_many_new_recommenders_share_the_total() -> None:
    policy = exploration.budgeted(uniform, [False, *[True] * 9], least=0.02, most=0.05, total=0.09)
    np.testing.assert_allclose(policy(tf.ones([1, 10], tf.bool))[0], [0.91, *[0.01] * 9])


def test_behind_prefers_the_others_and_ends_where_they_end() -> None:
    policy = exploration.behind(best(tf.constant([[0.1, 0.9, 0.3, 0.8]])), NEW)
    order, propensity = one_row(policy, [True] * 4, [0.5] * 4)
    assert order == [2, 0, 1, 3]
    assert propensity.tolist() == [1.0] * 4


def test_without_new_recommenders_the_budget_changes_nothing() -> None:
    assert exploration.budgeted(uniform, [False] * 3, 0.01, 0.05, 0.2) is uniform
