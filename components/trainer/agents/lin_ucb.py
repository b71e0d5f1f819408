"""TF-Agents' LinearUCBAgent, trained in one vectorised pass over the logs.

The agent's state is a pair of sums a recommender: A_k = sum w x x^T and b_k = sum w r x over the rows that
showed recommender k. Summing them batch by batch gives the state that `agent.train` would reach, at a
fraction of its cost: TF-Agents masks the whole batch once a recommender.

    theta_k       = (A_k + l2 I)^-1 b_k
    estimate_k(x) = theta_k^T x
    optimistic_k  = estimate_k(x) + alpha sqrt(x^T (A_k + l2 I)^-1 x)

See "A Contextual-Bandit Approach to Personalized News Article Recommendation" by Li, Chu, Langford and
Schapire (https://arxiv.org/abs/1003.0146).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_agents.bandits.agents import lin_ucb_agent
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step

from components.trainer.agents import specs
from components.trainer.data import WEIGHT, TrainingData
from components.trainer.reward_model import RewardModel
from components.transform.layout import ACTION, CATEGORICAL, NUMERIC, REWARD
from pipelines.agent_settings import LinUCB


def context(features: Mapping[str, tf.Tensor], vocabulary_sizes: tuple[int, ...]) -> tf.Tensor:
    """Numbers, one-hot strings and a constant 1 as one vector a row, float32 [batch, D]."""
    parts = [features[NUMERIC]] if NUMERIC in features else []
    if CATEGORICAL in features:
        columns = tf.unstack(features[CATEGORICAL], axis=-1)
        parts += [tf.one_hot(column, size) for column, size in zip(columns, vocabulary_sizes, strict=True)]
    reference = parts[0]
    return tf.concat([*parts, tf.ones_like(reference[:, :1])], axis=-1)


def context_width(data: TrainingData) -> int:
    """Length D of `context`."""
    return data.layout.numeric_width + sum(data.vocabulary_sizes) + 1


class _LinearModel(RewardModel):
    def __init__(
        self,
        theta: NDArray[np.float64],
        covariance: NDArray[np.float64],
        alpha: float,
        vocabulary_sizes: tuple[int, ...],
    ) -> None:
        super().__init__(name="reward_model")
        self._theta = tf.Variable(theta.astype(np.float32), trainable=False, name="theta")
        # A Cholesky factor: the norm of L^T x cannot turn negative by rounding as x^T A^-1 x can.
        root = np.linalg.cholesky((covariance + covariance.transpose(0, 2, 1)) / 2).astype(np.float32)
        self._root = tf.Variable(root, trainable=False, name="covariance_root")
        self._alpha = alpha
        self._vocabulary_sizes = vocabulary_sizes

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.matmul(context(features, self._vocabulary_sizes), self._theta, transpose_b=True)

    def preference(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        x = context(features, self._vocabulary_sizes)
        spread = tf.norm(tf.einsum("bd,kde->bke", x, self._root), axis=-1)
        return tf.matmul(x, self._theta, transpose_b=True) + self._alpha * spread


def make_agent(settings: LinUCB, data: TrainingData) -> lin_ucb_agent.LinearUCBAgent:
    """An untrained agent over `context` vectors."""
    observation_spec = tensor_spec.TensorSpec([context_width(data)], tf.float32)
    return lin_ucb_agent.LinearUCBAgent(
        time_step.time_step_spec((observation_spec, specs.mask_spec(data))),
        specs.action_spec(data),
        alpha=settings.alpha,
        tikhonov_weight=settings.l2,
        observation_and_action_constraint_splitter=specs.split_observation_and_mask,
        dtype=tf.float64,
    )


def fit(agent: lin_ucb_agent.LinearUCBAgent, data: TrainingData, batch_size: int) -> None:
    """Brings the agent to the state that one pass of `agent.train` over the split would give.

    The weights are scaled to mean 1 over the split. `theta` is solved exactly, where the agent iterates.
    """
    arms, width = len(data.layout.recommenders), context_width(data)
    a = tf.Variable(tf.zeros([arms, width, width], tf.float64))
    b = tf.Variable(tf.zeros([arms, width], tf.float64))
    counts = tf.Variable(tf.zeros([arms], tf.float64))
    known = data.totals.rows - data.totals.unknown_recommender
    scale = known / data.totals.weight_sum

    @tf.function(autograph=False, reduce_retracing=True)
    def add(batch: dict[str, tf.Tensor]) -> None:
        # Rows of an unknown recommender go to an extra partition that is dropped.
        arm = tf.cast(tf.where(batch[ACTION] >= 0, batch[ACTION], arms), tf.int32)
        root = tf.sqrt(tf.cast(batch[WEIGHT], tf.float64) * scale)
        x = root[:, None] * tf.cast(context(batch, data.vocabulary_sizes), tf.float64)
        r = root * tf.cast(batch[REWARD], tf.float64)
        xs = tf.dynamic_partition(x, arm, arms + 1)[:arms]
        rs = tf.dynamic_partition(r, arm, arms + 1)[:arms]
        a.assign_add(tf.stack([tf.matmul(x_k, x_k, transpose_a=True) for x_k in xs]))
        b.assign_add(
            tf.stack([tf.linalg.matvec(x_k, r_k, transpose_a=True) for x_k, r_k in zip(xs, rs, strict=True)])
        )
        counts.assign_add(tf.stack([tf.cast(tf.shape(r_k)[0], tf.float64) for r_k in rs]))

    for batch in data.batches(batch_size):
        add(batch)
    ridge = a + agent._tikhonov_weight * tf.eye(width, dtype=tf.float64)
    for k in range(arms):
        agent.cov_matrix[k].assign(a[k])
        agent.data_vector[k].assign(b[k])
        agent.num_samples[k].assign(counts[k])
    agent._theta.assign(tf.linalg.solve(ridge, b[..., None])[..., 0])


def train(
    settings: LinUCB,
    data: TrainingData,
    epsilon: float,
    log: Callable[[str, float, int], None],
) -> RewardModel:
    """Trains on the split; `epsilon` is not the agent's business, the serving policy adds it."""
    del epsilon
    agent = make_agent(settings, data)
    fit(agent, data, settings.batch_size)
    a = np.stack([matrix.numpy() for matrix in agent.cov_matrix])
    covariance = np.linalg.inv(a + settings.l2 * np.eye(a.shape[1]))
    theta = agent._theta.numpy()
    log("coefficient_norm", float(np.linalg.norm(theta)), data.totals.rows)
    return _LinearModel(theta, covariance, settings.alpha, data.vocabulary_sizes)
