"""Rankings drawn slot by slot, with the exact probability of each slot's choice.

A *distribution* maps the recommenders that are left, bool [batch, K], to their probabilities, float64 [batch,
K]. They are 0 for those that are not left, and sum to 1 in each row with any left. The serving policy is a
mixture of these:

    rate ((1 - epsilon) own + epsilon uniform) + (1 - rate) best

Here `own` is the agent's own way to choose (`best` of its preference, `softmax` of it, or `votes` of
posterior draws), and `best` puts all on the best reward estimate. A recommender with few training rows has a
budget (`budgeted`), whatever these say of it, and `best` prefers all others to it (`behind`).

The propensity of slot j is pi(a_j | x, a_1 .. a_{j-1}), so the first one is that of the recommender that
fills the newsletter; it and the choice come from the same distribution.

See "Reinforcement Learning: An Introduction" by Sutton and Barto, section 2.2 (epsilon-greedy) and 2.8
(softmax), and "A Tutorial on Thompson Sampling" by Russo, Van Roy, Kazerouni, Osband and Wen
(https://arxiv.org/abs/1707.02038).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from components.trainer.keyed_hash import BUCKETS

Distribution = Callable[[tf.Tensor], tf.Tensor]


def best(preference: tf.Tensor) -> Distribution:
    """Distribution with all on the highest preference, float32 [batch, K]; ties go to the lower index."""

    def distribution(left: tf.Tensor) -> tf.Tensor:
        first = tf.argmax(tf.where(left, preference, preference.dtype.min), axis=1)
        chosen = tf.one_hot(first, tf.shape(preference)[1], dtype=tf.float64)
        return tf.where(left, chosen, tf.zeros_like(chosen))

    return distribution


def softmax(preference: tf.Tensor, temperature: float) -> Distribution:
    """exp(preference / temperature), float32 [batch, K], normalised over those left.

    Args:
      preference: preference of each recommender; higher is likelier.
      temperature: more than 0, in units of ``preference``.
    """
    logits = tf.cast(preference, tf.float64) / temperature

    def distribution(left: tf.Tensor) -> tf.Tensor:
        highest = tf.reduce_max(tf.where(left, logits, logits.dtype.min), axis=1, keepdims=True)
        weights = tf.where(left, tf.exp(logits - highest), tf.zeros_like(logits))
        return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=1, keepdims=True))

    return distribution


def votes(draws: tf.Tensor) -> Distribution:
    """Share of S draws of the preferences, float32 [batch, S, K], in which each is the best of those left.

    The share is exact for these draws. As an estimate of the probability p under all draws of the posterior,
    its standard error is sqrt(p (1 - p) / S).
    """

    def distribution(left: tf.Tensor) -> tf.Tensor:
        allowed = left[:, None, :]
        first = tf.argmax(tf.where(allowed, draws, draws.dtype.min), axis=2)
        shares = tf.reduce_mean(tf.one_hot(first, tf.shape(draws)[2], dtype=tf.float64), axis=1)
        return tf.where(left, shares, tf.zeros_like(shares))

    return distribution


def uniform(left: tf.Tensor) -> tf.Tensor:
    """Uniform distribution over the recommenders that are left."""
    allowed = tf.cast(left, tf.float64)
    return tf.math.divide_no_nan(allowed, tf.reduce_sum(allowed, axis=1, keepdims=True))


def mixture(share: tf.Tensor | float, one: Distribution, other: Distribution) -> Distribution:
    """Mixture: ``one`` with probability ``share`` in [0, 1], a scalar, otherwise ``other``."""

    def distribution(left: tf.Tensor) -> tf.Tensor:
        weight = tf.cast(share, tf.float64)
        return weight * one(left) + (1.0 - weight) * other(left)

    return distribution


def where(condition: tf.Tensor, one: Distribution, other: Distribution) -> Distribution:
    """Distribution ``one`` in the rows where ``condition``, bool [batch], holds, ``other`` in the rest."""
    return lambda left: tf.where(condition[:, None], one(left), other(left))


def behind(policy: Distribution, last: Sequence[bool]) -> Distribution:
    """``policy`` over the recommenders that are not ``last``, bool [K], and over those once only they are
    left.
    """
    first = ~tf.constant(list(last))

    def distribution(left: tf.Tensor) -> tf.Tensor:
        others = left & first
        return policy(tf.where(tf.reduce_any(others, axis=1, keepdims=True), others, left))

    return distribution


def budgeted(
    policy: Distribution, new: Sequence[bool], least: float, most: float, total: float
) -> Distribution:
    """``policy``, in which each of the recommenders that are ``new`` has a share within its budget.

    While another recommender is left, a new one gets what ``policy`` gives it, but at least ``least`` and at
    most ``most``, and all new ones together at most ``total``: what exceeds ``least`` is scaled down to it,
    and ``least`` itself to an equal part of it. The rest is ``policy`` over the others. Where only new ones
    are left, it is ``policy``.

    Args:
      policy: distribution of each slot, given the recommenders that are left.
      new: [K]; without any, this is ``policy``.
      least: in [0, ``most``].
      most: in (0, 1].
      total: in (0, 1].
    """
    if not any(new):
        return policy
    is_new = tf.constant(list(new))

    def distribution(left: tf.Tensor) -> tf.Tensor:
        known, fresh = left & ~is_new, left & is_new
        plain = policy(left)
        count = tf.reduce_sum(tf.cast(fresh, plain.dtype), axis=1, keepdims=True)
        lower = tf.minimum(tf.cast(least, plain.dtype), total / tf.maximum(count, 1.0))
        above = tf.where(fresh, tf.maximum(tf.minimum(plain, most) - lower, 0.0), 0.0)
        wanted = tf.reduce_sum(above, axis=1, keepdims=True)
        above *= tf.minimum(tf.math.divide_no_nan(tf.maximum(total - count * lower, 0.0), wanted), 1.0)
        granted = tf.where(fresh, lower + above, tf.zeros_like(plain))
        rest = 1.0 - tf.reduce_sum(granted, axis=1, keepdims=True)
        shared = granted + rest * policy(known)
        return tf.where(tf.reduce_any(known, axis=1, keepdims=True), shared, plain)

    return distribution


class RankedSlots(NamedTuple):
    """One ranking per row.

    Attributes:
      order: int64 [batch, K], indices of recommenders, best first; -1 once no eligible one is left.
      propensity: float32 [batch, K], probability of each slot's choice given the slots before; 0 where -1.
    """

    order: tf.Tensor
    propensity: tf.Tensor


def rank(policy: Distribution, eligible: tf.Tensor, draws: tf.Tensor) -> RankedSlots:
    """Fills K slots without replacement.

    Args:
      policy: distribution of each slot, given the recommenders that are left.
      eligible: bool [batch, K].
      draws: int64 [batch, K] in [0, BUCKETS), one per slot; each picks a point of the slot's cumulative
        distribution.
    """
    size = tf.shape(eligible)[1]

    def fill(
        slot: tf.Tensor, left: tf.Tensor, order: tf.TensorArray, propensity: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.TensorArray]:
        probabilities = policy(left)
        any_left = tf.reduce_any(left, axis=1)
        cumulative = tf.cumsum(probabilities, axis=1)
        # In the middle of its bucket, so never at either end; scaled by the sum, which rounding moves off 1.
        point = (tf.cast(draws[:, slot], tf.float64) + 0.5) / BUCKETS * cumulative[:, -1]
        chosen = tf.argmax(tf.cast(point[:, None] < cumulative, tf.int32), axis=1)
        probability = tf.gather(probabilities, chosen, batch_dims=1)
        taken = tf.one_hot(chosen, size, on_value=True, off_value=False, dtype=tf.bool)
        return (
            slot + 1,
            left & ~taken,
            order.write(slot, tf.where(any_left, chosen, tf.constant(-1, tf.int64))),
            propensity.write(slot, tf.where(any_left, tf.cast(probability, tf.float32), 0.0)),
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
    return RankedSlots(tf.transpose(order.stack()), tf.transpose(propensity.stack()))
