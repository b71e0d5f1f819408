"""TF-Agents' specs of our problem: the action, and an observation with its mask of eligible recommenders."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.policies import utils as policy_utilities
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step, trajectory

from components.trainer.data import TrainingData
from components.transform.layout import ACTION, CATEGORICAL, ELIGIBLE, NUMERIC, REWARD


def action_spec(data: TrainingData) -> tensor_spec.BoundedTensorSpec:
    """A recommender's index."""
    return tensor_spec.BoundedTensorSpec((), tf.int32, 0, len(data.layout.recommenders) - 1)


def mask_spec(data: TrainingData) -> tensor_spec.TensorSpec:
    """1 for each recommender that may be shown."""
    return tensor_spec.TensorSpec([len(data.layout.recommenders)], tf.int32)


def packed_observation_spec(data: TrainingData) -> dict[str, Any]:
    """Spec of the packed features, without batch dimension."""
    spec: dict[str, Any] = {}
    if data.layout.numeric_features:
        spec[NUMERIC] = tensor_spec.TensorSpec([data.layout.numeric_width], tf.float32)
    if data.layout.categorical_features:
        last = np.array(data.vocabulary_sizes, np.int64) - 1
        spec[CATEGORICAL] = tensor_spec.BoundedTensorSpec(last.shape, tf.int64, 0 * last, last)
    return spec


def time_step_spec(data: TrainingData) -> time_step.TimeStep:
    """Time step spec of an agent over the packed features."""
    return time_step.time_step_spec((packed_observation_spec(data), mask_spec(data)))


def split_observation_and_mask(observation: tuple[Any, Any]) -> tuple[Any, Any]:
    """TF-Agents' observation-and-action-constraint splitter: an observation is (features, mask)."""
    return observation


def as_trajectory(batch: dict[str, tf.Tensor], observation: Any = None) -> trajectory.Trajectory:
    """The logged rows as a TF-Agents trajectory: each tensor [batch, 1, ...].

    Args:
      batch: a batch of `TrainingData.batches`.
      observation: the agent's observation; by default the packed features.
    """
    if observation is None:
        observation = {key: batch[key] for key in (NUMERIC, CATEGORICAL) if key in batch}

    def in_time(x: tf.Tensor) -> tf.Tensor:
        return tf.expand_dims(x, 1)

    size = tf.shape(batch[REWARD])[0]
    # An unknown recommender has weight 0; its action only has to be within bounds.
    action = tf.maximum(tf.cast(batch[ACTION], tf.int32), 0)
    return trajectory.Trajectory(
        step_type=tf.ones([size, 1], tf.int32),
        observation=(
            tf.nest.map_structure(in_time, observation),
            in_time(tf.cast(batch[ELIGIBLE], tf.int32)),
        ),
        action=in_time(action),
        policy_info=policy_utilities.PolicyInfo(),
        next_step_type=tf.ones([size, 1], tf.int32),
        reward=in_time(batch[REWARD]),
        discount=tf.ones([size, 1]),
    )
