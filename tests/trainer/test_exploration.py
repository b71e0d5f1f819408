"""Slot-by-slot epsilon-greedy, by hand and by counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.exploration import first_slot_probabilities, rank
from components.trainer.keyed_hash import BUCKETS, draws

NEVER, ALWAYS = BUCKETS - 1, 0


def one_row(
    preference: list[float], eligible: list[bool], epsilon: float, explore: list[int], arm: list[int]
):
    ranked = rank(
        tf.constant([preference], tf.float32),
        tf.constant([eligible]),
        epsilon,
        tf.constant([explore], tf.int64),
        tf.constant([arm], tf.int64),
    )
    return ranked.order.numpy()[0].tolist(), ranked.propensity.numpy()[0], bool(ranked.explored.numpy()[0])


def test_greedy_slots_by_hand() -> None:
    order, propensity, explored = one_row([0.1, 0.3, 0.2], [True] * 3, 0.3, [NEVER] * 3, [0] * 3)
    assert order == [1, 2, 0]
    # Left: 3, 2, 1 recommenders; the greedy one has 1 - 0.3 + 0.3 / left.
    np.testing.assert_allclose(propensity, [0.8, 0.85, 1.0], rtol=1e-6)
    assert not explored


def test_explored_slots_by_hand() -> None:
    # Slot 1 takes the third of those left (index 2), slot 2 the first of those left (index 0).
    order, propensity, explored = one_row([0.1, 0.3, 0.2], [True] * 3, 0.3, [ALWAYS] * 3, [2, 0, 0])
    assert order == [2, 0, 1]
    # Index 2 is not the best of three: 0.3 / 3. Index 0 is not the best of {0, 1}: 0.3 / 2. One is left: 1.
    np.testing.assert_allclose(propensity, [0.1, 0.15, 1.0], rtol=1e-6)
    assert explored


def test_exploring_into_the_greedy_choice_is_not_called_exploration() -> None:
    order, propensity, explored = one_row([0.1, 0.3, 0.2], [True] * 3, 0.3, [ALWAYS] * 3, [1, 0, 0])
    assert order[0] == 1
    assert propensity[0] == pytest.approx(0.8)
    assert not explored


def test_the_ineligible_are_left_out() -> None:
    order, propensity, _ = one_row([0.9, 0.3, 0.2], [False, True, True], 0.5, [NEVER] * 3, [0] * 3)
    assert order == [1, 2, -1]
    np.testing.assert_allclose(propensity, [0.75, 1.0, 0.0], rtol=1e-6)


def test_a_row_without_eligible_recommender_is_empty() -> None:
    order, propensity, explored = one_row([0.9, 0.3], [False, False], 0.5, [ALWAYS] * 2, [0] * 2)
    assert order == [-1, -1]
    assert propensity.tolist() == [0.0, 0.0]
    assert not explored


@pytest.mark.parametrize("epsilon", [0.0, 0.25, 1.0])
def test_propensities_are_the_probabilities_of_the_rankings(epsilon: float) -> None:
    """Over all rankings the products of the slots' propensities sum to 1 and match how often they occur."""
    preference, eligible = [0.2, 0.7, 0.4], [True, True, True]
    count = 40_000
    rng = np.random.default_rng(3)
    explore, arm = (tf.constant(rng.integers(0, BUCKETS, (count, 3)), tf.int64) for _ in range(2))
    ranked = rank(
        tf.constant([preference] * count, tf.float32), tf.constant([eligible] * count), epsilon, explore, arm
    )
    orders = [tuple(order) for order in ranked.order.numpy().tolist()]
    probability = dict(zip(orders, ranked.propensity.numpy().prod(axis=1), strict=True))
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-5)
    for order in itertools.permutations(range(3)):
        expected = probability.get(order, 0.0)
        error = np.sqrt(max(expected * (1 - expected), 1e-12) / count)
        assert abs(orders.count(order) / count - expected) <= 4.5 * error + 1e-6


def test_first_slot_probabilities_by_hand() -> None:
    probabilities = first_slot_probabilities(
        tf.constant([[0.1, 0.3, 0.2], [0.9, 0.3, 0.2], [0.0, 0.0, 0.0]], tf.float32),
        tf.constant([[True, True, True], [False, True, True], [False, False, False]]),
        0.3,
    )
    np.testing.assert_allclose(
        probabilities, [[0.1, 0.8, 0.1], [0.0, 0.85, 0.15], [0.0, 0.0, 0.0]], rtol=1e-6, atol=1e-7
    )


def test_draws_are_uniform_and_independent_of_each_other() -> None:
    users = tf.constant([f"user-{i}" for i in range(20_000)])
    campaign = tf.fill([20_000], "c")
    explore = draws(users, campaign, "explore", 2).numpy() / BUCKETS
    recommender = draws(users, campaign, "recommender", 1).numpy() / BUCKETS
    for column in (explore[:, 0], explore[:, 1], recommender[:, 0]):
        counts, _ = np.histogram(column, bins=20, range=(0, 1))
        # Chi-square of 19 degrees of freedom; 43.8 is its 99.9% quantile.
        assert ((counts - 1000) ** 2 / 1000).sum() < 43.8
    # Standard error of a correlation is 0.007.
    assert abs(np.corrcoef(explore[:, 0], recommender[:, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(explore[:, 0], explore[:, 1])[0, 1]) < 0.03


def test_user_and_campaign_are_kept_apart() -> None:
    joined = draws(tf.constant(["ab", "a"]), tf.constant(["c", "bc"]), "explore", 1).numpy()
    assert joined[0, 0] != joined[1, 0]
