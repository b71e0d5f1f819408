"""TF-Agents' LinearThompsonSamplingAgent: each recommender is chosen as often as it is likely to be the best.

The posterior of recommender k is Normal(theta_k, alpha^2 (A_k + l2 I)^-1). The graph holds S draws of all
thetas, made once after training from the settings' seed. A user is served the best recommender under one
draw, so propensities are shares of draws. They are exact for what is served, and within sqrt(p (1 - p) / S)
of Thompson sampling proper.

See "Thompson Sampling for Contextual Bandits with Linear Payoffs" by Agrawal and Goyal
(https://arxiv.org/abs/1209.3352).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import tensorflow as tf
from tf_agents.bandits.agents import linear_thompson_sampling_agent

from components.trainer.agents import linear, specs
from components.trainer.agents.linear_sums import Sums
from components.trainer.agents.task import Task
from components.trainer.data import TrainingData
from components.trainer.exploration import Distribution, votes
from components.trainer.reward_model import RewardModel
from newsletter_bandit.settings.agents import LinTS


class _PosteriorModel(linear.LinearModel):
    def __init__(self, totals: Sums, settings: LinTS, vocabulary_sizes: tuple[int, ...]) -> None:
        super().__init__(totals, settings.l2, vocabulary_sizes)
        rng = np.random.default_rng(settings.seed)
        arms, width = totals.b.shape
        noise = rng.standard_normal((settings.samples, arms, width))
        shift = settings.alpha * np.einsum("kde,ske->skd", self.covariance_root, noise)
        draws = (self._theta.numpy() + shift).astype(np.float32)
        self._draws = tf.Variable(draws, trainable=False, name="posterior_draws")

    def own_policy(self, features: Mapping[str, tf.Tensor], shift: tf.Tensor | float = 0.0) -> Distribution:
        draws = tf.einsum("bd,skd->bsk", self.context(features), self._draws)
        return votes(draws + (shift + tf.zeros_like(draws[:, 0]))[:, None])


def make_agent(
    settings: LinTS, data: TrainingData
) -> linear_thompson_sampling_agent.LinearThompsonSamplingAgent:
    """An untrained agent over `linear.context` vectors."""
    return linear_thompson_sampling_agent.LinearThompsonSamplingAgent(
        *linear.context_specs(data),
        alpha=settings.alpha,
        tikhonov_weight=settings.l2,
        observation_and_action_constraint_splitter=specs.split_observation_and_mask,
        dtype=tf.float64,
    )


def train(task: Task) -> RewardModel:
    """Adds up the split and draws from the posterior."""
    settings = cast(LinTS, task.use_case.agent)
    totals = linear.fit(make_agent(settings, task.data), task, settings.batch_size)
    model = _PosteriorModel(totals, settings, task.data.vocabulary_sizes)
    task.log("rows_per_recommender", float(np.min(totals.rows)), task.data.totals.rows)
    return model
