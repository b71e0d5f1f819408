"""The simulated world as a TF-Agents bandit environment, so that TF-Agents' own agents, drivers and metrics
run on it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.bandits.environments import bandit_py_environment
from tf_agents.specs import array_spec

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.simulation.users import Floats, Ints
from newsletter_bandit.simulation.vectors import Encoder
from newsletter_bandit.simulation.world import World

# Keys of an observation.
FEATURES, MASK, USER, DAY = "features", "mask", "user", "day"


def split_observation_and_mask(observation: dict[str, Any]) -> tuple[Any, Any]:
    """The observation-and-action-constraint splitter of agents and policies on this environment.

    Agents and policies see the features and the eligible recommenders. Only the oracle sees the user.
    """
    return observation[FEATURES], observation[MASK]


class NewsletterEnvironment(bandit_py_environment.BanditPyEnvironment):
    """Each step fills a newsletter for every user of a batch; the reward is the simulated one.

    An observation is a dictionary: `features` float32 [B, D] (see `vectors.Encoder`), `mask` int32 [B, K] (1
    where eligible), and for the oracle `user` int64 [B] (position) and `day` int64 [B] (days since the
    world's epoch). Wrap it in TF-Agents' TFPyEnvironment for drivers and metrics.

    Args:
      world: users, truth and rewards.
      batch_size: users per step, drawn again each time.
      first_day: day of the first step; by default the world's epoch.
      steps_per_day: steps before the next day begins.
      seed: seed of users and outcomes.
    """

    def __init__(
        self,
        world: World,
        batch_size: int,
        first_day: dt.date | None = None,
        steps_per_day: int = 1,
        seed: int = 0,
    ) -> None:
        if not 1 <= batch_size <= world.size or steps_per_day < 1:
            raise SettingsError(
                f"environment: found batch_size {batch_size}, steps_per_day {steps_per_day}; allowed: "
                f"1 to {world.size} users, 1 or more steps"
            )
        self._world = world
        self._size = batch_size
        self._first_day = first_day or world.epoch
        self._steps_per_day = steps_per_day
        self._rng = np.random.default_rng(seed)
        self._seed = seed
        self._step_number = -1
        self._users: Ints = np.empty(0, dtype=np.int64)
        everyone = world.inference(world.everyone, self._first_day)
        self._encode = Encoder(everyone, np.full(world.size, self._first_day, "datetime64[D]"))
        arms = len(world.recommenders)
        super().__init__(
            observation_spec={
                FEATURES: array_spec.ArraySpec((self._encode.width,), np.float32, name=FEATURES),
                MASK: array_spec.BoundedArraySpec((arms,), np.int32, 0, 1, name=MASK),
                USER: array_spec.BoundedArraySpec((), np.int64, 0, world.size - 1, name=USER),
                DAY: array_spec.BoundedArraySpec((), np.int64, 0, 2**31 - 1, name=DAY),
            },
            action_spec=array_spec.BoundedArraySpec((), np.int32, 0, arms - 1, name="action"),
            name="newsletter",
        )

    @property
    def batched(self) -> bool:
        """Observations and actions have a batch dimension."""
        return True

    @property
    def batch_size(self) -> int:
        """Users per step."""
        return self._size

    def oracle_reward(self, observation: dict[str, Any]) -> tf.Tensor:
        """Expected reward of each user's best eligible recommender, float32 [B]; RegretMetric's baseline."""
        best = tf.numpy_function(
            lambda user, day: self._truth(user, day).max(axis=1).astype(np.float32),
            [observation[USER], observation[DAY]],
            tf.float32,
        )
        return tf.ensure_shape(best, [None])

    def oracle_action(self, observation: dict[str, Any]) -> tf.Tensor:
        """Each user's best eligible recommender, int32 [B]; SuboptimalArmsMetric's baseline."""
        best = tf.numpy_function(
            lambda user, day: self._truth(user, day).argmax(axis=1).astype(np.int32),
            [observation[USER], observation[DAY]],
            tf.int32,
        )
        return tf.ensure_shape(best, [None])

    def _truth(self, users: Ints, days: Ints) -> Floats:
        dates = np.datetime64(self._world.epoch, "D") + days
        reward = self._world.expected_reward(users, dates)
        return np.where(self._world.eligible(users), reward, -np.inf)

    def _observe(self) -> dict[str, np.ndarray[Any, Any]]:
        self._step_number += 1
        self._users = self._rng.choice(self._world.size, self._size, replace=False)
        day = self._day()
        days = np.full(self._size, day, "datetime64[D]")
        return {
            FEATURES: self._encode(self._world.inference(self._users, day), days),
            MASK: self._world.eligible(self._users).astype(np.int32),
            USER: self._users,
            DAY: np.full(self._size, (day - self._world.epoch).days, np.int64),
        }

    def _apply_action(self, action: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Rewards of the batch; raises `DataError` where a user is not eligible for what is served."""
        served = np.asarray(action, dtype=np.int64)
        rows = self._world.send(
            self._day(),
            self._users,
            served,
            np.ones(self._size),
            "tf-agents",
            seed=self._seed + self._step_number,
        )
        clicked, unsubscribed = (np.array(rows[name].to_pylist()) for name in ("clicked", "unsubscribed"))
        reward = self._world.reward
        return np.where(unsubscribed, reward.unsubscribe, reward.click * clicked).astype(np.float32)

    def _day(self) -> dt.date:
        return self._first_day + dt.timedelta(days=self._step_number // self._steps_per_day)
