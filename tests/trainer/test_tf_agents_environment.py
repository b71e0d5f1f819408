"""TF-Agents' own driver, agent and metrics on the simulated world."""

from __future__ import annotations

import datetime as dt
from collections import deque

import numpy as np
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.simulation.world import World

EPOCH = dt.date(2026, 4, 6)


@pytest.fixture(scope="module")
def world() -> World:
    return World(3, 4_000, EPOCH, features=("segment", "discount_share", "last_order_on", "has_app"))


def test_observations_rewards_and_the_oracle(world: World) -> None:
    from components.trainer.agents.environment import DAY, FEATURES, MASK, USER, NewsletterEnvironment

    environment = NewsletterEnvironment(world, 64, EPOCH + dt.timedelta(days=7), steps_per_day=2)
    first = environment.reset().observation
    assert first[FEATURES].shape == (64, 1 + 2 * 3 + 6)
    np.testing.assert_array_equal(first[MASK], world.eligible(first[USER]))
    assert set(first[DAY]) == {7}
    truth = np.where(
        world.eligible(first[USER]), world.expected_reward(first[USER], EPOCH + dt.timedelta(days=7)), -9
    )
    np.testing.assert_allclose(environment.oracle_reward(first), truth.max(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(environment.oracle_action(first), truth.argmax(axis=1))

    excess = []
    for _ in range(60):
        observation = environment.current_time_step().observation
        expected = environment.oracle_reward(observation).numpy()
        step = environment.step(environment.oracle_action(observation).numpy())
        assert set(np.unique(step.reward)) <= {-1.0, 0.0, 1.0}
        excess.append(step.reward - expected)
    assert set(step.observation[DAY]) == {7 + 30}
    assert abs(np.mean(excess)) < 4 * np.std(excess) / np.sqrt(np.size(excess))


def test_what_a_user_may_not_be_sent_is_refused(world: World) -> None:
    from components.trainer.agents.environment import MASK, NewsletterEnvironment

    environment = NewsletterEnvironment(world, 64)
    mask = environment.reset().observation[MASK]
    with pytest.raises(DataError, match="not eligible"):
        environment.step(mask.argmin(axis=1).astype(np.int32))
    with pytest.raises(SettingsError, match="found batch_size 4001"):
        NewsletterEnvironment(world, 4_001)


def test_with_recommender_features_the_oracle_knows_the_users_by_their_features() -> None:
    from components.trainer.agents.environment import GLOBAL, PER_ARM, NewsletterEnvironment

    names = ("bestsellers", "deals", "top_rated")
    world = World(3, 4_000, EPOCH, names, ("segment", "discount_share"))
    features = np.arange(6, dtype=np.float32).reshape(3, 2)
    environment = NewsletterEnvironment(world, 64, seed=2, recommender_features=features)
    plain = NewsletterEnvironment(world, 64, seed=2)
    before, same = environment.reset().observation, plain.reset().observation
    assert set(before) == {GLOBAL, PER_ARM}
    np.testing.assert_array_equal(before[GLOBAL], same["features"])
    np.testing.assert_array_equal(before[PER_ARM], np.broadcast_to(features, (64, 3, 2)))
    for _ in range(2):  # before and after the step, which draws other users
        np.testing.assert_array_equal(environment.oracle_action(before), plain.oracle_action(same))
        np.testing.assert_allclose(environment.oracle_reward(before), plain.oracle_reward(same))
        environment.step(np.zeros(64, np.int32))
    with pytest.raises(DataError, match="no user that was drawn last"):
        environment.oracle_reward(before)


def test_recommender_features_that_do_not_fit_are_refused(world: World) -> None:
    from components.trainer.agents.environment import NewsletterEnvironment

    with pytest.raises(SettingsError, match=r"found shape \[3, 2\]; allowed: \[12, F\]"):
        NewsletterEnvironment(world, 64, recommender_features=np.zeros((3, 2), np.float32))
    with pytest.raises(SettingsError, match=r"not eligible for .*'refill'.* leave these out"):
        NewsletterEnvironment(world, 64, recommender_features=np.zeros((12, 2), np.float32))


@pytest.mark.slow
def test_a_tf_agents_agent_learns_on_it(world: World) -> None:
    """LinearUCBAgent by DynamicStepDriver: TF-Agents' regret and share of suboptimal arms fall."""
    import tensorflow as tf
    from tf_agents.bandits.agents import lin_ucb_agent
    from tf_agents.bandits.metrics import tf_metrics
    from tf_agents.drivers import dynamic_step_driver
    from tf_agents.environments import tf_py_environment
    from tf_agents.utils import common

    from components.trainer.agents.environment import NewsletterEnvironment, split_observation_and_mask

    inner = NewsletterEnvironment(world, 256, seed=1)
    environment = tf_py_environment.TFPyEnvironment(inner)
    agent = lin_ucb_agent.LinearUCBAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        alpha=0.1,
        tikhonov_weight=10.0,
        observation_and_action_constraint_splitter=split_observation_and_mask,
        dtype=tf.float32,
    )
    agent.initialize()
    regret = tf_metrics.RegretMetric(inner.oracle_reward)
    suboptimal = tf_metrics.SuboptimalArmsMetric(inner.oracle_action)
    steps: deque[object] = deque()
    driver = dynamic_step_driver.DynamicStepDriver(
        environment, agent.collect_policy, observers=[regret, suboptimal, steps.append], num_steps=256
    )
    train = common.function(agent.train)
    regrets, shares = [], []
    for _ in range(60):
        driver.run()
        trajectory = steps.pop()
        train(tf.nest.map_structure(lambda x: tf.expand_dims(x, 1), trajectory))
        regrets.append(float(regret.result()))
        shares.append(float(suboptimal.result()))
    assert np.mean(regrets[-20:]) < np.mean(regrets[:20])
    assert np.mean(shares[-20:]) < np.mean(shares[:20])
