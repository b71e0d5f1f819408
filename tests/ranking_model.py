"""A model in production that needs no training: it ranks three recommenders, in an order that depends on the
user.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import tensorflow as tf

from newsletter_bandit.registry import Registry, model_digest, new_version

NAMES = ("deals", "refill", "top_rated")


def policy_outputs(**outputs: tf.Tensor) -> dict[str, tf.Tensor]:
    """Outputs of a policy: those given, and for all users alike the others, [B, 1]."""
    ones = tf.ones(tf.shape(outputs["user_id"]), tf.int64)
    return {
        "campaign": tf.fill(tf.shape(ones), "monday"),
        "explored": ones * 0,
        "expires_after_days": ones * 8,
        **outputs,
    }


class ByHash(tf.Module):
    """The score of a recommender is a hash of its name and the user; every seventh user may see one less."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def rank(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        text = tf.io.FixedLenFeature([1], tf.string)
        features = tf.io.parse_example(examples, {"user_id": text, "campaign": text})
        user = features["user_id"]
        hashed = [tf.strings.to_hash_bucket_fast(user + name, 1_000_003) for name in NAMES]
        scores = tf.cast(tf.concat(hashed, axis=1), tf.float32) / 1_000_003.0
        order = tf.argsort(scores, direction="DESCENDING")
        last = tf.constant([[False, False, True]]) & (hashed[0] % 7 == 0)
        return policy_outputs(
            user_id=user,
            campaign=features["campaign"],
            recommenders=tf.where(last, "", tf.gather(tf.constant(NAMES), order)),
            scores=tf.where(last, 0.0, tf.sort(scores, direction="DESCENDING")),
            propensities=tf.where(last, 0.0, tf.constant([[0.75, 0.9, 1.0]]) * tf.ones_like(scores)),
            explored=hashed[1] % 2,
        )


def put_in_production(workdir: Path) -> None:
    """Publishes the model to the registry of a work folder of the use case `newsletter`."""
    module, folder = ByHash(), str(workdir / "model")
    tf.saved_model.save(module, folder, signatures={"serving_default": module.rank})
    registry = Registry(str(workdir / "registry"), "newsletter")
    version = new_version(dt.datetime(2026, 11, 23, tzinfo=dt.UTC), model_digest(folder))
    registry.publish(version, folder, {})
    registry.set_current(version)
