"""Scoring against the truth: by hand, as bounds, and as the target of an unbiased estimator."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.simulation.behaviour import RulesPolicy, UniformPolicy
from newsletter_bandit.simulation.truth import (
    best_single,
    first_slots,
    matrix_value,
    policy_value,
    policy_values,
)
from newsletter_bandit.simulation.users import Users
from newsletter_bandit.simulation.world import World, spread

EPOCH = dt.date(2026, 4, 6)
DAY = dt.date(2026, 5, 4)


@pytest.fixture(scope="module")
def world() -> World:
    return World(21, 20_000, EPOCH)


class _ThreeUsers(World):
    """Three users and recommenders whose rewards and eligibility stand below."""

    rewards = np.array([[0.1, 0.2, 0.4], [0.3, 0.1, 0.0], [0.2, 0.6, 0.1]])
    fits = np.array([[True, True, True], [True, True, True], [True, False, True]])

    def __init__(self) -> None:
        super().__init__(0, 3, EPOCH, recommenders=("bestsellers", "refill", "deals"))

    def expected_reward(self, users: np.ndarray, day: object) -> np.ndarray:
        return self.rewards[users]

    def eligible(self, users: np.ndarray) -> np.ndarray:
        return self.fits[users]


def test_values_by_hand() -> None:
    world = _ThreeUsers()
    values = policy_values(world, world.everyone, DAY, np.array([2, 1, 0]), UniformPolicy())
    assert values.users == 3
    assert values.served == pytest.approx((0.4 + 0.1 + 0.2) / 3)
    assert values.oracle == pytest.approx((0.4 + 0.3 + 0.2) / 3)
    assert values.regret == pytest.approx(0.2 / 3)
    assert values.suboptimal_share == pytest.approx(1 / 3)
    assert values.uniform == pytest.approx((0.7 / 3 + 0.4 / 3 + 0.3 / 2) / 3)
    assert values.logging == values.uniform
    # bestsellers 0.2, refill (0.2 + 0.1 + the third user's best of the rest 0.2) / 3, deals 0.5 / 3.
    assert values.best_single_recommender == "bestsellers"
    assert values.best_single == pytest.approx(0.2)


def test_the_best_single_falls_back_where_it_is_not_eligible() -> None:
    world = _ThreeUsers()
    world.rewards = np.array([[0.1, 0.5, 0.2], [0.1, 0.5, 0.2], [0.1, 0.9, 0.3]])
    name, value = best_single(world, world.everyone, DAY)
    assert name == "refill"
    assert value == pytest.approx((0.5 + 0.5 + 0.3) / 3)  # deals come second


def test_matrix_value_by_hand() -> None:
    world = _ThreeUsers()
    rows = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.0, 0.75]])
    assert matrix_value(world, world.everyone, DAY, rows) == pytest.approx((0.15 + 0.3 + 0.125) / 3)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_nothing_beats_the_oracle_and_the_gaps_are_worth_learning(seed: int) -> None:
    world = World(seed, 6_000, EPOCH)
    served = RulesPolicy().probabilities(world.audience(world.everyone)).argmax(axis=1)
    values = policy_values(world, world.everyone, DAY, served)
    for other in (values.served, values.logging, values.uniform, values.best_single):
        assert other < values.oracle
    assert values.regret == pytest.approx(values.oracle - values.served)
    assert values.best_single > values.uniform
    assert values.oracle > 1.5 * values.best_single
    assert 0.05 < values.uniform < 0.09


def test_the_oracle_has_no_regret(world: World) -> None:
    reward = np.where(world.eligible(world.everyone), world.expected_reward(world.everyone, DAY), -9.0)
    values = policy_values(world, world.everyone, DAY, reward.argmax(axis=1))
    assert values.served == values.oracle
    assert values.regret == values.suboptimal_share == 0.0


def test_ips_on_a_large_log_finds_the_true_value(world: World) -> None:
    """IPS mean(w r), w = 1[a = pi(x)] / propensity, is unbiased for the value of a fixed policy pi."""
    log = world.log(EPOCH, spread(70_000, 28), RulesPolicy())
    users = world.positions(log["user_id"].to_pylist())
    days = log["sent_at"].combine_chunks().to_numpy(zero_copy_only=False).astype("datetime64[D]")
    logged = np.array([world.recommenders.index(name) for name in log["recommender"].to_pylist()])
    # A poor policy, far from the log's: deals for those who avoid discounts, clickbait for all others.
    deals, bait = world.recommenders.index("deals"), world.recommenders.index("clickbait_offers")
    readers = world.audience(world.everyone).users
    assert isinstance(readers, Users)
    target = np.where(readers.discount_share < 0.3, deals, bait)[users]
    clicked, left = (np.array(log[name].to_pylist(), dtype=float) for name in ("clicked", "unsubscribed"))
    terms = (logged == target) / np.array(log["propensity"].to_pylist()) * (clicked - 2.0 * left)
    truth = world.expected_reward(users, days)[np.arange(len(users)), target].mean()
    assert abs(terms.mean() - truth) < 4 * terms.std() / np.sqrt(len(terms))
    # The test can tell: the policy's value lies further from the log's than four standard errors.
    assert abs((clicked - 2.0 * left).mean() - truth) > 4 * terms.std() / np.sqrt(len(terms))


def test_the_mean_logged_reward_is_the_value_of_the_logging_policy(world: World) -> None:
    log = world.log(DAY, [20_000], RulesPolicy())
    reward = np.array(log["clicked"].to_pylist(), float) - 2.0 * np.array(log["unsubscribed"].to_pylist())
    truth = policy_value(world, world.everyone, DAY, RulesPolicy())
    assert abs(reward.mean() - truth) < 4 * reward.std() / np.sqrt(len(reward))


def test_first_slots_of_rankings(world: World) -> None:
    rankings = {"user-000000": ["deals", "bestsellers"], "user-000002": "top_rated"}
    served = first_slots(world, np.array([0, 1, 2]), rankings, default=["new_arrivals"])
    assert [world.recommenders[column] for column in served] == ["deals", "new_arrivals", "top_rated"]


def test_a_default_is_served_only_where_eligible(world: World) -> None:
    refill = world.recommenders.index("refill")
    user = np.flatnonzero(~world.eligible(world.everyone)[:, refill])[:1]
    served = first_slots(world, user, {}, default=["refill", "bestsellers"])
    assert world.recommenders[served[0]] == "bestsellers"


def test_unusable_rankings_and_no_users_are_refused(world: World) -> None:
    one = np.array([0])
    with pytest.raises(DataError, match="user-000000: no recommender"):
        first_slots(world, one, {})
    with pytest.raises(DataError, match="user-000000: no recommender"):
        first_slots(world, one, {"user-000000": []})
    with pytest.raises(DataError, match="found 'horoscopes'; allowed"):
        first_slots(world, one, {"user-000000": ["horoscopes"]})
    with pytest.raises(DataError, match="found no users"):
        policy_values(world, one[:0], DAY, one[:0])
    with pytest.raises(DataError, match="summing to 1"):
        matrix_value(world, one, DAY, np.full((1, 12), 0.5))
