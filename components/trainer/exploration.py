"""Rankings by epsilon-greedy, slot by slot, with the exact probability of each slot's choice.

With probability epsilon a slot is filled uniformly from the recommenders that are left and eligible, else by
the best of them. The logged propensity of slot j is pi(a_j | x, a_1 .. a_{j-1}), so the first one is the
propensity of the recommender that fills the newsletter.

See "Reinforcement Learning: An Introduction" by Sutton and Barto, section 2.2.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from components.trainer.keyed_hash import BUCKETS


class RankedSlots(NamedTuple):
    """A ranking a row.

    Attributes:
      order: int64 [batch, K], indices of recommenders, best first; -1 once no eligible one is left.
      propensity: float32 [batch, K], probability of each slot's choice given the slots before; 0 where -1.
      explored: bool [batch], the first slot was drawn by exploration and differs from the greedy choice.
    """

    order: tf.Tensor
    propensity: tf.Tensor
    explored: tf.Tensor


def rank(
    preference: tf.Tensor,
    eligible: tf.Tensor,
    epsilon: tf.Tensor | float,
    explore_draw: tf.Tensor,
    recommender_draw: tf.Tensor,
) -> RankedSlots:
    """Fills K slots without replacement.

    Args:
      preference: float32 [batch, K], higher is better; ties go to the lower index.
      eligible: bool [batch, K].
      epsilon: exploration probability in [0, 1].
      explore_draw: int64 [batch, K] in [0, BUCKETS), decides whether slot j explores.
      recommender_draw: int64 [batch, K] in [0, BUCKETS), decides which of those left it then takes.
    """
    size = tf.shape(preference)[1]
    threshold = tf.cast(tf.cast(epsilon, tf.float64) * BUCKETS, tf.int64)
    epsilon = tf.cast(epsilon, tf.float32)

    def fill(
        slot: tf.Tensor, left: tf.Tensor, order: tf.TensorArray, propensity: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.TensorArray]:
        count = tf.reduce_sum(tf.cast(left, tf.int64), axis=1)
        any_left = count > 0
        greedy = tf.argmax(tf.where(left, preference, preference.dtype.min), axis=1)
        nth = recommender_draw[:, slot] % tf.maximum(count, 1)
        position = tf.cumsum(tf.cast(left, tf.int64), axis=1) - 1
        drawn = tf.argmax(tf.cast(left & tf.equal(position, nth[:, None]), tf.int32), axis=1)
        chosen = tf.where(explore_draw[:, slot] < threshold, drawn, greedy)
        uniform = epsilon / tf.cast(tf.maximum(count, 1), tf.float32)
        probability = uniform + tf.where(tf.equal(chosen, greedy), 1.0 - epsilon, 0.0)
        taken = tf.cast(tf.one_hot(chosen, size, on_value=1, off_value=0, dtype=tf.int32), tf.bool)
        return (
            slot + 1,
            left & ~taken,
            order.write(slot, tf.where(any_left, chosen, tf.constant(-1, tf.int64))),
            propensity.write(slot, tf.where(any_left, probability, 0.0)),
        )

    _, _, order, propensity = tf.while_loop(
        lambda slot, *_: slot < size,
        fill,
        (
            tf.constant(0),
            eligible,
            tf.TensorArray(tf.int64, size=size),
            tf.TensorArray(tf.float32, size=size),
        ),
    )
    ranked = tf.transpose(order.stack())
    best = tf.argmax(tf.where(eligible, preference, preference.dtype.min), axis=1)
    first = ranked[:, 0]
    return RankedSlots(ranked, tf.transpose(propensity.stack()), (first >= 0) & tf.not_equal(first, best))


def first_slot_probabilities(
    preference: tf.Tensor, eligible: tf.Tensor, epsilon: tf.Tensor | float
) -> tf.Tensor:
    """pi(a | x) of the first slot in closed form, float32 [batch, K]; 0 for the ineligible.

    Sums to 1 in each row that has an eligible recommender.
    """
    epsilon = tf.cast(epsilon, tf.float32)
    allowed = tf.cast(eligible, tf.float32)
    uniform = tf.math.divide_no_nan(allowed, tf.reduce_sum(allowed, axis=1, keepdims=True))
    best = tf.argmax(tf.where(eligible, preference, preference.dtype.min), axis=1)
    greedy = tf.one_hot(best, tf.shape(preference)[1], dtype=tf.float32) * allowed
    return epsilon * uniform + (1.0 - epsilon) * greedy
