"""Estimates of an outcome that a constraint bounds: the agent of the use case, trained on it as on a reward.

So they exist under every agent, and a linear agent's have the same A and another b. They begin from scratch:
what production learned of an outcome is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from components.trainer.reward_model import RewardModel
from newsletter_bandit.settings.reward import Bounds


class TermModel(tf.Module):
    """A model's estimates within the bounds of the outcome.

    Args:
      model: trained on the outcome in the place of the reward.
      bounds: smallest and largest value of the outcome.
    """

    def __init__(self, model: RewardModel, bounds: Bounds) -> None:
        super().__init__(name="term_model")
        self._model = model
        self._bounds = bounds

    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Expected outcome of each recommender, float32 [batch, K]; `features` as in `Layout`."""
        return tf.clip_by_value(self._model.estimates(features), *self._bounds)
