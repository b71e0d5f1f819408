"""TF-Agents' NeuralEpsilonGreedyAgent: one network estimates the reward of each recommender."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tf_agents.bandits.agents import neural_epsilon_greedy_agent
from tf_agents.networks import network
from tf_agents.trajectories import time_step

from components.trainer.agents import specs
from components.trainer.data import WEIGHT, TrainingData
from components.trainer.reward_model import RewardModel
from components.transform.layout import CATEGORICAL, NUMERIC
from pipelines.agent_settings import NeuralEpsilonGreedy

# Steps that run inside one call of the graph, between two lines in TensorBoard.
STEPS_PER_CALL = 50


class RewardNetwork(network.Network):
    """Embeddings and numbers through fully connected layers to one estimate a recommender, [batch, K]."""

    def __init__(
        self,
        input_tensor_spec: Any,
        vocabulary_sizes: tuple[int, ...],
        embedding_dims: tuple[int, ...],
        hidden_layers: tuple[int, ...],
        recommenders: int,
        seed: int,
        name: str = "RewardNetwork",
    ) -> None:
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        keras = tf.keras
        # A seed a layer: equal seeds would make layers of equal shape start equal.
        self._embeddings = [
            keras.layers.Embedding(
                size, dim, embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05, seed + i)
            )
            for i, (size, dim) in enumerate(zip(vocabulary_sizes, embedding_dims, strict=True))
        ]
        self._hidden = [
            keras.layers.Dense(units, "relu", kernel_initializer=keras.initializers.HeNormal(seed + 1000 + i))
            for i, units in enumerate(hidden_layers)
        ]
        self._output = keras.layers.Dense(
            recommenders, kernel_initializer=keras.initializers.GlorotNormal(seed + 2000)
        )

    def call(
        self,
        observation: Mapping[str, tf.Tensor],
        step_type: Any = None,  # noqa: ARG002 TF-Agents passes it
        network_state: Any = (),
        training: bool = False,
    ) -> tuple[tf.Tensor, Any]:
        parts = [observation[NUMERIC]] if NUMERIC in observation else []
        if CATEGORICAL in observation:
            columns = tf.unstack(observation[CATEGORICAL], axis=-1)
            parts += [embed(column) for embed, column in zip(self._embeddings, columns, strict=True)]
        hidden = tf.concat(parts, axis=-1)
        for layer in self._hidden:
            hidden = layer(hidden, training=training)
        return self._output(hidden, training=training), network_state


class _NetworkModel(RewardModel):
    def __init__(self, reward_network: RewardNetwork) -> None:
        super().__init__(name="reward_model")
        self._network = reward_network

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        observation = {key: features[key] for key in (NUMERIC, CATEGORICAL) if key in features}
        return self._network(observation)[0]


def train(
    settings: NeuralEpsilonGreedy,
    data: TrainingData,
    epsilon: float,
    log: Callable[[str, float, int], None],
) -> RewardModel:
    """Trains by stochastic gradient descent on the squared error of the logged reward.

    Args:
      settings: sizes and rates.
      data: the training split.
      epsilon: exploration probability of the agent's own policy.
      log: called with (name, value, step).
    """
    observation_spec = specs.packed_observation_spec(data)
    reward_network = RewardNetwork(
        observation_spec,
        data.vocabulary_sizes,
        data.layout.embedding_dims,
        settings.hidden_layers,
        len(data.layout.recommenders),
        settings.seed,
    )
    agent = neural_epsilon_greedy_agent.NeuralEpsilonGreedyAgent(
        time_step.time_step_spec((observation_spec, specs.mask_spec(data))),
        specs.action_spec(data),
        reward_network=reward_network,
        # Decoupled decay (https://arxiv.org/abs/1711.05101): the agent's loss leaves out layers' regularizers.
        optimizer=tf.keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay),
        epsilon=epsilon,
        observation_and_action_constraint_splitter=specs.split_observation_and_mask,
    )
    agent.initialize()
    steps = max(data.totals.rows * settings.epochs // settings.batch_size, 1)
    batches = iter(data.batches(settings.batch_size, settings.epochs, settings.seed))

    # Without autograph: converting TF-Agents' code takes ten seconds and changes nothing here.
    @tf.function(autograph=False)
    def run(iterator: Any, count: tf.Tensor) -> tf.Tensor:
        def step(done: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            batch = next(iterator)
            observation = {key: batch[key] for key in observation_spec}
            # Mean 1 within the batch, so that the learning rate means the same whatever the propensities.
            weights = batch[WEIGHT] / tf.maximum(tf.reduce_mean(batch[WEIGHT]), 1e-6)
            loss = agent.train(specs.as_trajectory(observation, batch), weights=weights).loss
            return done + 1, total + tf.cast(loss, tf.float32)

        _, total = tf.while_loop(lambda done, _: done < count, step, (tf.constant(0), tf.constant(0.0)))
        return total / tf.cast(count, tf.float32)

    for start in range(0, steps, STEPS_PER_CALL):
        count = min(STEPS_PER_CALL, steps - start)
        log("loss", float(run(batches, tf.constant(count))), start + count)
    return _NetworkModel(reward_network)
