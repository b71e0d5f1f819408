"""A shop whose truth fits one line, logged rows from it, and SavedModels that know it well or badly.

A user has a colour; the recommender of the same index is clicked with probability 0.6, any other with 0.2.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import make_use_case

RECOMMENDERS = ("a", "b", "c")
COLOURS = ("red", "green", "blue")
CLICK, OTHER_CLICK = 0.6, 0.2
EPSILON = 0.2


def shop_use_case(**gate: float) -> UseCase:
    bounds = {"min_rows": 1000, "min_effective_sample_size": 100, "weight_clip": 50.0, "max_weight": 50.0}
    return make_use_case(gate=bounds | gate, slices=["colour"], exploration={"epsilon": EPSILON})


def serving_value(shift: int) -> float:
    """True click rate of the epsilon-greedy policy of `save_model(shift)`."""
    greedy = CLICK if shift == 0 else OTHER_CLICK
    uniform = (CLICK + 2 * OTHER_CLICK) / 3
    return (1 - EPSILON) * greedy + EPSILON * uniform


def write_rows(folder: Path, count: int, seed: int) -> None:
    """``count`` rows of a uniform logging policy in one TFRecord file; the last one took a recommender long
    gone. The height, which no model reads, is missing in every tenth.
    """
    rng = np.random.default_rng(seed)
    heights = np.random.default_rng(seed + 1).normal(170.0, 10.0, count)
    colours, actions = rng.integers(0, 3, count), rng.integers(0, 3, count)
    clicked = rng.random(count) < np.where(colours == actions, CLICK, OTHER_CLICK)
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "rows-00000.gz"), "GZIP") as writer:
        for i in range(count):
            known = i < count - 1
            feature = {
                "user_id": _bytes(f"u{i}"),
                "colour": _bytes(COLOURS[colours[i]]),
                "height": _float(heights[i]) if i % 10 else tf.train.Feature(),
                "recommender": _bytes(RECOMMENDERS[actions[i]] if known else "gone"),
                "propensity": _float(1 / 3),
                "reward": _float(clicked[i]),
                "clicked": _int(clicked[i]),
                "unsubscribed": _int(0),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


def save_model(folder: Path, shift: int) -> None:
    """A model that believes in the recommender ``shift`` places after the right one; 0 is the truth."""
    module = _Shop(shift)
    signatures = {"evaluation": module.evaluation, "eval_policy": module.eval_policy}
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures=signatures)


class _Shop(tf.Module):
    def __init__(self, shift: int) -> None:
        super().__init__()
        self._estimates = np.full((3, 3), OTHER_CLICK, np.float32)
        self._estimates[np.arange(3), (np.arange(3) + shift) % 3] = CLICK

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        text = tf.io.FixedLenFeature([1], tf.string)
        raw = tf.io.parse_example(examples, {"user_id": text, "colour": text, "recommender": text})
        colour = tf.argmax(tf.cast(tf.equal(raw["colour"], tf.constant([COLOURS])), tf.int32), axis=1)
        named = tf.equal(raw["recommender"], tf.constant([RECOMMENDERS]))
        action = tf.where(tf.reduce_any(named, axis=1), tf.argmax(tf.cast(named, tf.int32), axis=1), -1)
        estimates = tf.gather(tf.constant(self._estimates), colour)
        greedy = tf.one_hot(tf.argmax(estimates, axis=1), 3)
        return {
            "user_id": raw["user_id"],
            "reward_estimates": estimates,
            "serving_probabilities": (1 - EPSILON) * greedy + EPSILON / 3,
            "eval_probabilities": greedy,
            "logged_action": action[:, None],
            "default_action": tf.zeros_like(action)[:, None],
            "best_score": tf.reduce_max(estimates, axis=1, keepdims=True),
            "eligible_recommenders": tf.ones_like(estimates, tf.bool),
            "logged_score": (tf.gather(estimates, tf.maximum(action, 0), batch_dims=1)[:, None] + 1.0) / 2.0,
        }

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def eval_policy(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        raw = tf.io.parse_example(examples, {"colour": tf.io.FixedLenFeature([1], tf.string)})
        colour = tf.argmax(tf.cast(tf.equal(raw["colour"], tf.constant([COLOURS])), tf.int32), axis=1)
        scores, order = tf.math.top_k(tf.gather(tf.constant(self._estimates), colour), 3)
        return {"recommenders": tf.gather(tf.constant(RECOMMENDERS), order), "scores": scores}


def _bytes(value: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))


def _float(value: float) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


def _int(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
