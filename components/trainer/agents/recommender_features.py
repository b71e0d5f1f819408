"""TF-Agents' network over global and arm features: a recommender's features say how well it fits a user.

A tower over the user's features and a tower over the recommender's features meet in common layers with one
output. So a recommender is ranked by its features even if it was never shown. The settings hold the features:
text is one-hot, numbers are standardised over the recommenders.

See `tf_agents.bandits.networks.global_and_arm_feature_network`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tf_agents.bandits.agents import neural_epsilon_greedy_agent
from tf_agents.bandits.networks import global_and_arm_feature_network
from tf_agents.bandits.policies import policy_utilities
from tf_agents.bandits.specs import utils as bandit_spec_utils
from tf_agents.networks import encoding_network, q_network
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step, trajectory

from components.trainer.agents import network, specs
from components.trainer.agents.task import Task
from components.trainer.reward_model import RewardModel
from components.transform.layout import ACTION
from newsletter_bandit.settings.agents import RecommenderFeatures
from newsletter_bandit.settings.use_case import UseCase

_USER = bandit_spec_utils.GLOBAL_FEATURE_KEY
_RECOMMENDER = bandit_spec_utils.PER_ARM_FEATURE_KEY


def feature_matrix(use_case: UseCase) -> npt.NDArray[np.float32]:
    """Features of the recommenders, [K, F]: numbers with mean 0 and variance 1 over them, text one-hot."""
    given = [use_case.recommender_features[name] for name in use_case.recommenders]
    columns: list[npt.NDArray[np.float64]] = []
    for key, example in given[0].items():
        values = [features[key] for features in given]
        if isinstance(example, str):
            columns += [
                np.array([value == text for value in values], float) for text in sorted(set(map(str, values)))
            ]
        else:
            numbers = np.array(values, float)
            columns.append((numbers - numbers.mean()) / (numbers.std() or 1.0))
    return np.stack(columns, axis=1).astype(np.float32)


class _FeatureModel(RewardModel):
    def __init__(
        self,
        towers: global_and_arm_feature_network.GlobalAndArmCommonTowerNetwork,
        recommenders: npt.NDArray[np.float32],
    ) -> None:
        super().__init__(name="reward_model")
        self._towers = towers
        self._recommenders = tf.Variable(recommenders, trainable=False, name="recommender_features")

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        user = network.observation(features)
        rows = tf.shape(next(iter(user.values())))[0]
        recommenders = tf.tile(self._recommenders[None], [rows, 1, 1])
        return self._towers({_USER: user, _RECOMMENDER: recommenders})[0]


def train(task: Task) -> RewardModel:
    """Trains by stochastic gradient descent on the squared error of the logged reward."""
    settings = cast(RecommenderFeatures, task.use_case.agent)
    matrix = feature_matrix(task.use_case)
    observation = {
        _USER: specs.packed_observation_spec(task.data),
        _RECOMMENDER: tensor_spec.TensorSpec(matrix.shape, tf.float32),
    }
    towers = _towers(task, settings, observation)
    agent = neural_epsilon_greedy_agent.NeuralEpsilonGreedyAgent(
        time_step.time_step_spec(observation),
        specs.action_spec(task.data),
        reward_network=towers,
        optimizer=network.optimizer(task, settings),
        epsilon=task.use_case.exploration.epsilon,
        accepts_per_arm_features=True,
    )
    recommenders = tf.constant(matrix)

    def as_trajectory(batch: network.Batch) -> trajectory.Trajectory:
        shown = tf.gather(recommenders, tf.maximum(batch[ACTION], 0))
        plain = specs.as_trajectory(batch)
        return plain._replace(
            observation={_USER: plain.observation[0]},
            policy_info=policy_utilities.PerArmPolicyInfo(chosen_arm_features=tf.expand_dims(shown, 1)),
        )

    network.train(agent, task, settings, as_trajectory)
    return _FeatureModel(towers, matrix)


def _towers(
    task: Task, settings: RecommenderFeatures, observation: Mapping[str, tensor_spec.TensorSpec]
) -> global_and_arm_feature_network.GlobalAndArmCommonTowerNetwork:
    initial = tf.keras.initializers.HeNormal
    # TF-Agents' last layer does not take a seed.
    tf.keras.utils.set_random_seed(settings.seed)
    *_, width = settings.hidden_layers
    # One recommender: training sees only the one that was shown, ranking sees all.
    one = tensor_spec.TensorSpec(observation[_RECOMMENDER].shape[1:], tf.float32)
    user = network.ContextNetwork(task, settings.hidden_layers, None, settings.seed)
    of_recommender = encoding_network.EncodingNetwork(
        one,
        fc_layer_params=settings.recommender_layers,
        kernel_initializer=initial(settings.seed + 3000),
    )
    common = q_network.QNetwork(
        tensor_spec.TensorSpec([width + settings.recommender_layers[-1]], tf.float32),
        tensor_spec.BoundedTensorSpec((), tf.int32, 0, 0),
        fc_layer_params=(width,),
        kernel_initializer=initial(settings.seed + 4000),
    )
    made = global_and_arm_feature_network.GlobalAndArmCommonTowerNetwork(
        {_USER: observation[_USER], _RECOMMENDER: one}, user, of_recommender, common
    )
    made.create_variables()
    return made
