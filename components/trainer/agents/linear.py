"""One ridge regression per recommender, in one pass: the state of TF-Agents' linear agents, from sums.

The state of a linear agent is a pair of sums per recommender, A_k = sum w x x^T and b_k = sum w r x over the
rows that showed recommender k. Adding them up batch by batch gives the state that `agent.train` would reach,
at a fraction of its cost: TF-Agents masks the whole batch once per recommender.

    theta_k       = (A_k + l2 I)^-1 b_k
    estimate_k(x) = theta_k^T x
    variance_k(x) = x^T (A_k + l2 I)^-1 x, in units of the reward's variance

See "A Contextual-Bandit Approach to Personalized News Article Recommendation" by Li, Chu, Langford and
Schapire (https://arxiv.org/abs/1003.0146).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_agents.bandits.agents import linear_bandit_agent
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step

from components.trainer.agents import linear_state, specs
from components.trainer.agents.linear_sums import Adder, Sums
from components.trainer.agents.task import Task
from components.trainer.data import WEIGHT, TrainingData
from components.trainer.reward_model import RewardModel
from components.trainer.warm_start import carry_over
from components.transform.layout import ACTION, CATEGORICAL, NUMERIC, REWARD


def context(features: Mapping[str, tf.Tensor], vocabulary_sizes: tuple[int, ...]) -> tf.Tensor:
    """Numbers, one-hot strings and a constant 1 as one vector per row, float32 [batch, D]."""
    parts = [features[NUMERIC]] if NUMERIC in features else []
    if CATEGORICAL in features:
        columns = tf.unstack(features[CATEGORICAL], axis=-1)
        parts += [tf.one_hot(column, size) for column, size in zip(columns, vocabulary_sizes, strict=True)]
    reference = parts[0]
    return tf.concat([*parts, tf.ones_like(reference[:, :1])], axis=-1)


def context_width(data: TrainingData) -> int:
    """Length D of `context`."""
    return data.layout.numeric_width + sum(data.vocabulary_sizes) + 1


def context_specs(data: TrainingData) -> tuple[time_step.TimeStep, tensor_spec.BoundedTensorSpec]:
    """TF-Agents' specs of an agent over `context` vectors."""
    observation = tensor_spec.TensorSpec([context_width(data)], tf.float32)
    return time_step.time_step_spec((observation, specs.mask_spec(data))), specs.action_spec(data)


def sums(data: TrainingData, batch_size: int) -> Sums:
    """One pass over the split: the sums on `context` vectors.

    Args:
      data: the split; its weights are scaled to mean 1.
      batch_size: rows added at a time.
    """
    adder = Adder(len(data.layout.recommenders), data.layout.numeric_width, data.vocabulary_sizes)
    for block in data.blocks(batch_size):
        action = block[ACTION]
        none = np.zeros((len(action), 0), np.float32)
        adder.add(
            block.get(NUMERIC, none), block.get(CATEGORICAL, none), action, block[WEIGHT], block[REWARD]
        )
    return adder.total(scale(data))


def scale(data: TrainingData) -> float:
    """Factor that makes the mean weight 1 over the rows of known recommenders."""
    return (data.totals.rows - data.totals.unknown_recommender) / data.totals.weight_sum


def fit(agent: linear_bandit_agent.LinearBanditAgent, task: Task, batch_size: int) -> Sums:
    """Brings the agent to the state that one pass of `agent.train` over the split would give.

    `theta` is solved exactly, where the agent iterates. A warm start adds the earlier sums, times their
    decay.
    """
    found = of_all_workers(sums(task.data, batch_size), task)
    found = _with_earlier(found, task)
    linear_state.write(agent, found)
    return found


def of_all_workers(own: Sums, task: Task) -> Sums:
    """The sums over the rows of all who train together."""
    return Sums(*(task.workers.sum(part) for part in own))


def _with_earlier(new: Sums, task: Task) -> Sums:
    if task.warm_start is None:
        return new
    names, old, arrays = task.names, task.warm_start.names, task.warm_start.arrays
    recommenders = (names.recommenders, old.recommenders)
    columns = (names.context, old.context)
    decay = task.use_case.warm_start.decay
    a = carry_over(np.zeros_like(new.a), arrays["a"], [recommenders, columns, columns])
    b = carry_over(np.zeros_like(new.b), arrays["b"], [recommenders, columns])
    rows = carry_over(np.zeros_like(new.rows), arrays["rows"], [recommenders])
    return Sums(new.a + decay * a, new.b + decay * b, new.rows + decay * rows)


class LinearModel(RewardModel):
    """The regressions of `Sums` on `context` vectors.

    Attributes:
      covariance_root: float64 [K, D, D], a Cholesky factor of (A_k + l2 I)^-1.
    """

    def __init__(self, totals: Sums, l2: float, vocabulary_sizes: tuple[int, ...]) -> None:
        super().__init__(name="reward_model")
        ridge = totals.a + l2 * np.eye(totals.a.shape[1])
        theta = np.linalg.solve(ridge, totals.b[..., None])[..., 0]
        covariance = np.linalg.inv(ridge)
        # A Cholesky factor: the norm of L^T x cannot turn negative by rounding as x^T A^-1 x can.
        self.covariance_root = np.linalg.cholesky((covariance + covariance.transpose(0, 2, 1)) / 2)
        self._theta = tf.Variable(theta.astype(np.float32), trainable=False, name="theta")
        self._vocabulary_sizes = vocabulary_sizes
        self._totals = totals

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.matmul(self.context(features), self._theta, transpose_b=True)

    def context(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Context vectors, float32 [batch, D]."""
        return context(features, self._vocabulary_sizes)

    def warm_start(self) -> dict[str, NDArray[Any]]:
        return {"a": self._totals.a, "b": self._totals.b, "rows": self._totals.rows}


def spread(x: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """sqrt(x^T C_k x), float32 [batch, K], of vectors [batch, D] and Cholesky factors [K, D, D] of C_k."""
    return tf.norm(tf.einsum("bd,kde->bke", x, root), axis=-1)
