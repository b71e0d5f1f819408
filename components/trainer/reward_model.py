"""The part of a trained agent that goes into the exported graph."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from components.trainer.exploration import Distribution, best


class RewardModel(tf.Module, metaclass=abc.ABCMeta):
    """Reward estimates of all recommenders from transformed features; holds every variable it needs."""

    @abc.abstractmethod
    def estimates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Expected reward of each recommender, float32 [batch, K]; `features` as in `Layout`."""

    def own_policy(self, features: Mapping[str, tf.Tensor], shift: tf.Tensor | float = 0.0) -> Distribution:
        """The agent's own distribution: all on its best estimate, unless it explores.

        Args:
          features: as in `Layout`.
          shift: what constraints add to the preference for each recommender, float32 [batch, K] or of a
            shape that stretches to it, in units of reward.
        """
        return best(self.estimates(features) + shift)

    def warm_start(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays that the next training may start from, by the agent's own names; empty if it cannot."""
        return {}
