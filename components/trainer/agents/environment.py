"""The simulated world as a TF-Agents bandit environment, so that TF-Agents' own agents, drivers and metrics
run on it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tf_agents.bandits.environments import bandit_py_environment
from tf_agents.bandits.specs import utils as bandit_spec_utils
from tf_agents.specs import array_spec

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.simulation.rewards import observed
from newsletter_bandit.simulation.users import Floats, Ints
from newsletter_bandit.simulation.vectors import Encoder
from newsletter_bandit.simulation.world import World

# Keys of an observation.
FEATURES, MASK, USER, DAY = "features", "mask", "user", "day"
# Keys of one with recommender features, as TF-Agents names them.
GLOBAL, PER_ARM = bandit_spec_utils.GLOBAL_FEATURE_KEY, bandit_spec_utils.PER_ARM_FEATURE_KEY


def split_observation_and_mask(observation: dict[str, Any]) -> tuple[Any, Any]:
    """The observation-and-action-constraint splitter of agents and policies on this environment.

    Agents and policies see the features and the eligible recommenders. Only the oracle sees the user.
    """
    return observation[FEATURES], observation[MASK]


class NewsletterEnvironment(bandit_py_environment.BanditPyEnvironment):
    """Each step fills a newsletter for every user of a batch; the reward is the simulated one.

    An observation is a dictionary: `features` float32 [B, D] (see `vectors.Encoder`), `mask` int32 [B, K] (1
    where eligible), and for the oracle `user` int64 [B] (position) and `day` int64 [B] (days since the
    world's epoch). With recommender features it is what TF-Agents' agents with per-arm features take:
    `global` float32 [B, D] and `per_arm` float32 [B, K, F]. Wrap the environment in TF-Agents'
    TFPyEnvironment for drivers and metrics.

    Args:
      world: users, truth and rewards.
      batch_size: users per step, drawn again each time.
      first_day: day of the first step; by default the world's epoch.
      steps_per_day: steps before the next day begins.
      seed: seed of users and outcomes.
      recommender_features: what each of the world's recommenders is like, [K, F]; None leaves it out. Agents
        with per-arm features take no mask, so everyone must be eligible for every recommender.

    Raises:
      SettingsError: a number is out of range, the features are not one row per recommender, or a user is not
        eligible for all where there is no mask.
    """

    def __init__(
        self,
        world: World,
        batch_size: int,
        first_day: dt.date | None = None,
        steps_per_day: int = 1,
        seed: int = 0,
        recommender_features: npt.NDArray[np.float32] | None = None,
    ) -> None:
        if not 1 <= batch_size <= world.size or steps_per_day < 1:
            raise SettingsError(
                f"environment: found batch_size {batch_size}, steps_per_day {steps_per_day}; allowed: "
                f"1 to {world.size} users, 1 or more steps"
            )
        if recommender_features is not None:
            _check_recommender_features(world, recommender_features)
        self._world = world
        self._arms = recommender_features
        self._size = batch_size
        self._first_day = first_day or world.epoch
        self._steps_per_day = steps_per_day
        self._rng = np.random.default_rng(seed)
        self._seed = seed
        self._step_number = -1
        self._users: Ints = np.empty(0, dtype=np.int64)
        # The newest two draws: features, users and day. An observation of vectors alone names no user, and
        # the metrics ask for its oracle before or after the next draw.
        self._drawn: list[tuple[npt.NDArray[np.float32], Ints, dt.date]] = []
        everyone = world.inference(world.everyone, self._first_day)
        days = np.full(world.size, self._first_day, "datetime64[D]")
        self._encode = Encoder(everyone, days, world.feature_types, world.long_tailed)
        arms = len(world.recommenders)
        of_user = array_spec.ArraySpec((self._encode.width,), np.float32, name=FEATURES)
        super().__init__(
            observation_spec={
                FEATURES: of_user,
                MASK: array_spec.BoundedArraySpec((arms,), np.int32, 0, 1, name=MASK),
                USER: array_spec.BoundedArraySpec((), np.int64, 0, world.size - 1, name=USER),
                DAY: array_spec.BoundedArraySpec((), np.int64, 0, 2**31 - 1, name=DAY),
            }
            if self._arms is None
            else {
                GLOBAL: of_user,
                PER_ARM: array_spec.ArraySpec(self._arms.shape, np.float32, name=PER_ARM),
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
        """Expected reward of each user's best eligible recommender, float32 [B]; RegretMetric's baseline.

        Raises:
          DataError: an observation with recommender features is older than the newest two.
        """
        best = tf.numpy_function(
            lambda *asked: self._truth(*asked).max(axis=1).astype(np.float32),
            self._asked(observation),
            tf.float32,
        )
        return tf.ensure_shape(best, [None])

    def oracle_action(self, observation: dict[str, Any]) -> tf.Tensor:
        """Each user's best eligible recommender, int32 [B]; SuboptimalArmsMetric's baseline. Raises as
        `oracle_reward` does.
        """
        best = tf.numpy_function(
            lambda *asked: self._truth(*asked).argmax(axis=1).astype(np.int32),
            self._asked(observation),
            tf.int32,
        )
        return tf.ensure_shape(best, [None])

    def _asked(self, observation: dict[str, Any]) -> list[Any]:
        """What tells the users: users and days, or the features."""
        return [observation[USER], observation[DAY]] if self._arms is None else [observation[GLOBAL]]

    def _truth(self, seen: npt.NDArray[Any], days: Ints | None = None) -> Floats:
        """Expected rewards [B, K], minus infinity where not eligible.

        Args:
          seen: users with their ``days``, or features alone.
        """
        if days is not None:
            reward = self._world.expected_reward(seen, np.datetime64(self._world.epoch, "D") + days)
            return np.where(self._world.eligible(seen), reward, -np.inf)
        for features, users, day in reversed(self._drawn):
            if np.array_equal(features, seen):
                return self._world.expected_reward(users, day)
        raise DataError("environment: found features of no user that was drawn last; ask for newer ones")

    def _observe(self) -> dict[str, np.ndarray[Any, Any]]:
        self._step_number += 1
        self._users = self._rng.choice(self._world.size, self._size, replace=False)
        day = self._day()
        days = np.full(self._size, day, "datetime64[D]")
        features = self._encode(self._world.inference(self._users, day), days)
        if self._arms is not None:
            self._drawn = [*self._drawn[-1:], (features, self._users, day)]
            return {GLOBAL: features, PER_ARM: np.repeat(self._arms[None], self._size, axis=0)}
        return {
            FEATURES: features,
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
        return observed(self._world.reward, rows).reward.astype(np.float32)

    def _day(self) -> dt.date:
        return self._first_day + dt.timedelta(days=self._step_number // self._steps_per_day)


def _check_recommender_features(world: World, features: npt.NDArray[np.float32]) -> None:
    arms = len(world.recommenders)
    if features.ndim != 2 or len(features) != arms:
        raise SettingsError(
            f"environment: recommender_features: found shape {list(features.shape)}; allowed: [{arms}, F], "
            "one row per recommender of the world"
        )
    fits = np.asarray(world.eligible(world.everyone).all(axis=0))
    if not fits.all():
        needy = [name for name, everyone in zip(world.recommenders, fits, strict=True) if not everyone]
        raise SettingsError(
            f"environment: recommender_features: some users are not eligible for {needy}, and TF-Agents' "
            "agents with per-arm features take no mask; leave these out of the world"
        )
