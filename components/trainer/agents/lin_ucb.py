"""TF-Agents' LinearUCBAgent: one ridge regression per recommender, optimistic by alpha standard errors.

    optimistic_k(x) = theta_k^T x + alpha sqrt(x^T (A_k + l2 I)^-1 x)

`linear` has the notation, and the state in one pass.

See "A Contextual-Bandit Approach to Personalized News Article Recommendation" by Li, Chu, Langford and
Schapire (https://arxiv.org/abs/1003.0146).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import tensorflow as tf
from tf_agents.bandits.agents import lin_ucb_agent

from components.trainer.agents import linear, specs
from components.trainer.agents.linear_sums import Sums
from components.trainer.agents.task import Task
from components.trainer.data import TrainingData
from components.trainer.exploration import Distribution, best
from components.trainer.reward_model import RewardModel
from newsletter_bandit.settings.agents import LinUCB


class _OptimisticModel(linear.LinearModel):
    def __init__(self, totals: Sums, settings: LinUCB, vocabulary_sizes: tuple[int, ...]) -> None:
        super().__init__(totals, settings.l2, vocabulary_sizes)
        root = self.covariance_root.astype(np.float32)
        self._root = tf.Variable(root, trainable=False, name="covariance_root")
        self._alpha = settings.alpha

    def own_policy(self, features: Mapping[str, tf.Tensor], shift: tf.Tensor | float = 0.0) -> Distribution:
        return best(self.optimistic(features) + shift)

    def optimistic(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Estimates raised by alpha standard errors, float32 [batch, K]."""
        return self.estimates(features) + self._alpha * linear.spread(self.context(features), self._root)


def make_agent(settings: LinUCB, data: TrainingData) -> lin_ucb_agent.LinearUCBAgent:
    """An untrained agent over `linear.context` vectors."""
    return lin_ucb_agent.LinearUCBAgent(
        *linear.context_specs(data),
        alpha=settings.alpha,
        tikhonov_weight=settings.l2,
        observation_and_action_constraint_splitter=specs.split_observation_and_mask,
        dtype=tf.float64,
    )


def train(task: Task) -> RewardModel:
    """Adds up the split; the serving policy adds its own epsilon."""
    settings = cast(LinUCB, task.use_case.agent)
    totals = linear.fit(make_agent(settings, task.data), task, settings.batch_size)
    model = _OptimisticModel(totals, settings, task.data.vocabulary_sizes)
    task.log("rows_per_recommender", float(np.min(totals.rows)), task.data.totals.rows)
    return model
