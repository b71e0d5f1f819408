"""TF-Agents' NeuralLinUCBAgent: LinUCB on a trained network's encoding of the context.

First, gradient descent trains the network and a reward layer. Then the network's last hidden layer, with a
constant added, is the context of a LinUCB whose sums are added up in one pass.

See "Neural Contextual Bandits with Deep Representation and Shallow Exploration" by Xu, Wen, Zhao and Gu
(https://arxiv.org/abs/2012.01780).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tf_agents.bandits.agents import neural_linucb_agent

from components.trainer.agents import linear, network, specs
from components.trainer.agents.linear_sums import Adder, Sums
from components.trainer.agents.task import Task
from components.trainer.data import WEIGHT, TrainingData
from components.trainer.exploration import Distribution, best
from components.trainer.reward_model import RewardModel
from components.transform.layout import ACTION, REWARD
from newsletter_bandit.settings.agents import NeuralLinUCB


class _EncodedModel(RewardModel):
    def __init__(
        self, encoder: network.ContextNetwork, totals: Sums, settings: NeuralLinUCB, task: Task
    ) -> None:
        super().__init__(name="reward_model")
        self._encoder = encoder
        self._arrays = encoder.arrays(task.names)
        self._alpha = settings.alpha
        ridge = totals.a + settings.l2 * np.eye(totals.a.shape[1])
        theta = np.linalg.solve(ridge, totals.b[..., None])[..., 0]
        root = np.linalg.cholesky(np.linalg.inv(ridge))
        self._theta = tf.Variable(theta.astype(np.float32), trainable=False, name="theta")
        self._root = tf.Variable(root.astype(np.float32), trainable=False, name="covariance_root")

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.matmul(self._encoded(features), self._theta, transpose_b=True)

    def own_policy(self, features: Mapping[str, tf.Tensor], shift: tf.Tensor | float = 0.0) -> Distribution:
        x = self._encoded(features)
        optimistic = self._alpha * linear.spread(x, self._root)
        return best(tf.matmul(x, self._theta, transpose_b=True) + optimistic + shift)

    def warm_start(self) -> dict[str, npt.NDArray[Any]]:
        return dict(self._arrays)

    def _encoded(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return self._encoder(network.observation(features))[0]


def train(task: Task) -> RewardModel:
    """Trains the network, then adds up the split in the space of its last layer."""
    settings = cast(NeuralLinUCB, task.use_case.agent)
    # TF-Agents' reward layer does not take a seed.
    tf.keras.utils.set_random_seed(settings.seed)
    layers = (*settings.hidden_layers, settings.encoding_dim)
    encoder = network.ContextNetwork(task, layers, None, settings.seed, constant=True)
    encoder.create_variables()
    encoder.take_over(task, outputs_are_recommenders=False)
    width = settings.encoding_dim + 1
    agent = neural_linucb_agent.NeuralLinUCBAgent(
        specs.time_step_spec(task.data),
        specs.action_spec(task.data),
        encoding_network=encoder,
        encoding_network_num_train_steps=network.steps(task, settings),
        encoding_dim=width,
        optimizer=network.optimizer(task, settings),
        alpha=settings.alpha,
        observation_and_action_constraint_splitter=specs.split_observation_and_mask,
        # Under a strategy the agent does not look at its counter; its other phase is `linear.sums`.
        distributed_train_encoding_network=task.workers.count > 1,
    )
    # The counter is the process's; the agent trains its network while it is below the number of steps.
    agent.train_step_counter.assign(0)
    network.train(agent, task, settings, specs.as_trajectory)
    totals = linear.of_all_workers(_sums(encoder, task.data, settings), task)
    for k in range(len(totals.a)):
        agent.cov_matrix[k].assign(totals.a[k])
        agent.data_vector[k].assign(totals.b[k])
        agent.num_samples[k].assign(totals.rows[k])
    agent.actions_from_reward_layer.assign(False)
    return _EncodedModel(encoder, totals, settings, task)


def _sums(encoder: network.ContextNetwork, data: TrainingData, settings: NeuralLinUCB) -> Sums:
    """One pass over the split in the space of the encoder's last layer."""

    @tf.function(autograph=False, reduce_retracing=True)
    def encode(batch: network.Batch) -> tf.Tensor:
        # Without the constant, which the sums add.
        return encoder(network.observation(batch))[0][:, :-1]

    adder = Adder(len(data.layout.recommenders), settings.encoding_dim)
    for batch in data.batches(settings.batch_size):
        action, weight, reward = (batch[key].numpy() for key in (ACTION, WEIGHT, REWARD))
        adder.add(encode(batch).numpy(), np.zeros((len(action), 0)), action, weight, reward)
    return adder.total(linear.scale(data))
