"""This project's agents on TF-Agents' environments, trained as the pipeline trains them: on the whole log.

TF-Agents' own trainer updates its agent with each batch and forgets the batch. Here everything that happened
is kept, with its propensity, and the agent is trained anew on all of it every few batches. Between two
trainings the policy stands still, so each propensity is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.trainer.agents import AGENTS, Task
from components.trainer.agents.environment import FEATURES, MASK
from components.trainer.data import ArrayData
from components.trainer.exploration import Distribution, mixture, uniform
from components.trainer.learning import require_keras_2
from components.trainer.reward_model import RewardModel
from components.trainer.warm_start import Names
from components.transform.layout import ACTION, ELIGIBLE, NUMERIC, PROPENSITY, REWARD, Layout
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.tables import NumberFeature
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.behaviour import draw

Array = npt.NDArray[Any]


class Curves(NamedTuple):
    """What TF-Agents' metrics of the same names measure, float64 [steps] each.

    Attributes:
      regret: reward of the best arm minus the reward, mean over the batch, in units of reward.
      suboptimal_arms: share of the batch that got another arm than the best, in [0, 1].
    """

    regret: npt.NDArray[np.float64]
    suboptimal_arms: npt.NDArray[np.float64]


def play(
    environment: Any,
    use_case: UseCase,
    best_reward: Callable[[Any], Any],
    best_action: Callable[[Any], Any],
    steps: int,
    retrain_every: int,
    seed: int = 0,
) -> Curves:
    """An agent of the settings learns on an environment, from nothing.

    It chooses uniformly until its first training, then by its own policy, mixed with ``epsilon`` of uniform
    choices.

    Args:
      environment: a batched `BanditPyEnvironment`. Its observations are vectors [B, D], with which every arm
        is allowed, or dictionaries with `features` [B, D] and `mask` [B, K], as `NewsletterEnvironment` has.
      use_case: its agent and epsilon; as many recommenders as the environment has actions. Its features do
        not matter.
      best_reward: reward [B] of the best arm, given an observation; asked after the step.
      best_action: best arm [B], likewise.
      steps: batches to play, 1 or more.
      retrain_every: batches between two trainings, 1 or more.
      seed: draws the choices.

    Raises:
      SettingsError: a number is out of range, or the use case has another number of recommenders.
      DataError: the agent's network did not learn.
    """
    require_keras_2()
    if steps < 1 or retrain_every < 1:
        raise SettingsError(
            f"play: found steps {steps}, retrain_every {retrain_every}; allowed: 1 or more each"
        )
    arms = int(environment.action_spec().maximum) + 1
    if len(use_case.recommenders) != arms:
        raise SettingsError(
            f"play: found {len(use_case.recommenders)} recommenders in use case {use_case.name}; allowed: "
            f"{arms}, as many as the environment has actions"
        )
    rng = np.random.default_rng(seed)
    history: list[dict[str, Array]] = []
    regret, suboptimal = np.zeros(steps), np.zeros(steps)
    model: RewardModel | None = None
    observation = environment.reset().observation
    for step in range(steps):
        vectors, eligible = _parts(observation, arms)
        probabilities = _probabilities(model, vectors, eligible, use_case.exploration.epsilon)
        action = draw(rng, probabilities)
        following = environment.step(action.astype(np.int32))
        reward = np.asarray(following.reward, dtype=np.float64)
        regret[step] = np.mean(np.asarray(best_reward(observation)) - reward)
        suboptimal[step] = np.mean(np.asarray(best_action(observation)) != action)
        history.append(
            {
                NUMERIC: _packed(vectors),
                ELIGIBLE: eligible,
                ACTION: action,
                PROPENSITY: probabilities[np.arange(len(action)), action],
                REWARD: reward,
            }
        )
        if (step + 1) % retrain_every == 0 and step + 1 < steps:
            model = _trained(use_case, history)
        observation = following.observation
    return Curves(regret, suboptimal)


def _parts(observation: Any, arms: int) -> tuple[Array, Array]:
    """Vectors [B, D] and eligible arms [B, K] of an observation."""
    if isinstance(observation, Mapping):
        return np.asarray(observation[FEATURES], np.float32), np.asarray(observation[MASK], np.int8)
    vectors = np.asarray(observation, np.float32)
    return vectors, np.ones((len(vectors), arms), np.int8)


def _probabilities(model: RewardModel | None, vectors: Array, eligible: Array, epsilon: float) -> Array:
    policy: Distribution = uniform
    if model is not None:
        own = model.own_policy({NUMERIC: tf.constant(_packed(vectors))})
        policy = mixture(1.0 - epsilon, own, uniform)
    found: Array = policy(tf.constant(eligible > 0)).numpy()
    return found


def _packed(vectors: Array) -> Array:
    """`NUMERIC` [B, 2 D]: the numbers, then marks of what is missing, which is nothing here."""
    return np.concatenate([vectors, np.zeros_like(vectors)], axis=1)


def _trained(use_case: UseCase, history: list[dict[str, Array]]) -> RewardModel:
    """The agent after one training on everything that happened."""
    arrays = {key: np.concatenate([batch[key] for batch in history]) for key in history[0]}
    names = [f"x{number}" for number in range(arrays[NUMERIC].shape[1] // 2)]
    features = {name: NumberFeature(type="number", treatment="z_score") for name in names}
    plain = use_case.model_copy(update={"features": features, "constraints": ()})
    data = ArrayData(arrays, Layout.of(plain), (), use_case.propensity_weighting)
    task = Task(plain, data, Names(use_case.recommenders, tuple(names), {}), lambda *_: None)
    return AGENTS[use_case.agent.type](task)
