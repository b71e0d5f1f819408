"""What an agent hands to the exported graph once it is trained."""

from __future__ import annotations

import abc
from collections.abc import Mapping

import tensorflow as tf


class RewardModel(tf.Module, metaclass=abc.ABCMeta):
    """Reward estimates of all recommenders from transformed features; holds every variable it needs."""

    @abc.abstractmethod
    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Expected reward of each recommender, float32 [batch, K]; `features` as in `Layout`."""

    def preference(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """What the serving policy ranks by, float32 [batch, K]: the estimates, unless the agent is optimistic."""
        return self.estimates(features)
