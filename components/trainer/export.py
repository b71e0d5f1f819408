"""The exported graph: Transform, reward model and policies in one SavedModel that plain TensorFlow loads.

Signatures, each from one string tensor `examples` [batch] of serialized tf.Examples:

    serving_policy  explores (epsilon-greedy over the agent's preference) and writes down its propensities
    eval_policy     does not explore: best estimate first
    evaluation      deterministic: closed-form action probabilities of both policies and all reward estimates
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.trainer.exploration import RankedSlots, first_slot_probabilities, rank
from components.trainer.keyed_hash import draws
from components.trainer.reward_model import RewardModel
from components.transform.layout import CATEGORICAL, ELIGIBLE, LABELS, NUMERIC
from components.transform.preprocessing import action_index
from pipelines.settings import UseCase

SERVING_POLICY = "serving_policy"
EVAL_POLICY = "eval_policy"
EVALUATION = "evaluation"

_EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
# Batches are filled up to a multiple of this many rows. Vectorised kernels compute a batch's last few rows by
# other instructions than the rest, so a user's scores would depend, in their last digit, on the batch he is in.
ROWS_MULTIPLE = 128
# A missing identity must not fail the batch it is in: the row goes through and is refused when it is stored.
_OPTIONAL_STRING = tf.io.FixedLenFeature([], tf.string, default_value="")


class BanditModel(tf.Module):
    """Transform graph and policies over one reward model.

    Args:
      transform_output: the Transform step's graph; its vocabularies become assets of the SavedModel.
      reward_model: a trained agent's estimates.
      use_case: recommenders, exploration and reward bounds.
    """

    def __init__(
        self, transform_output: tft.TFTransformOutput, reward_model: RewardModel, use_case: UseCase
    ) -> None:
        super().__init__(name="bandit_model")
        self._transform = transform_output.transform_features_layer()
        self._reward_model = reward_model
        self._recommenders = use_case.recommenders
        self._reward_bounds = use_case.reward.bounds
        self._epsilon = tf.Variable(
            use_case.exploration.epsilon, trainable=False, dtype=tf.float32, name="epsilon"
        )
        raw = transform_output.raw_feature_spec()
        spec = {name: spec for name, spec in raw.items() if name not in LABELS}
        spec |= {"user_id": _OPTIONAL_STRING, "campaign": _OPTIONAL_STRING}
        # A proxy, because tf.Module takes a plain dictionary for state to save.
        self._feature_spec = MappingProxyType(spec)

    def save(self, directory: Path | str) -> None:
        """Writes the SavedModel with its three signatures."""
        signatures = {
            SERVING_POLICY: self.serving_policy,
            EVAL_POLICY: self.eval_policy,
            EVALUATION: self.evaluation,
        }
        tf.saved_model.save(self, str(directory), signatures=signatures)

    @tf.function(autograph=False, input_signature=_EXAMPLES)
    def serving_policy(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranking with exploration; the same user and campaign always draw the same."""
        raw = tf.io.parse_example(_filled_up(examples), dict(self._feature_spec))
        features = self._features(raw)
        slots = len(self._recommenders)
        ranked = rank(
            self._reward_model.preference(features),
            features[ELIGIBLE],
            self._epsilon,
            draws(raw["user_id"], raw["campaign"], "explore", slots),
            draws(raw["user_id"], raw["campaign"], "recommender", slots),
        )
        return _of(examples, self._ranking(raw, ranked, self._reward_model.estimates(features)))

    @tf.function(autograph=False, input_signature=_EXAMPLES)
    def eval_policy(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranking by estimate alone; every propensity is 1."""
        raw = tf.io.parse_example(_filled_up(examples), dict(self._feature_spec))
        features = self._features(raw)
        estimates = self._reward_model.estimates(features)
        no_draws = tf.zeros(tf.shape(estimates), tf.int64)
        ranked = rank(estimates, features[ELIGIBLE], 0.0, no_draws, no_draws)
        return _of(examples, self._ranking(raw, ranked, estimates))

    @tf.function(autograph=False, input_signature=_EXAMPLES)
    def evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """What off-policy evaluation needs of a logged row."""
        spec = {**self._feature_spec, "recommender": _OPTIONAL_STRING}
        raw = tf.io.parse_example(_filled_up(examples), spec)
        features = self._features(raw)
        estimates = self._reward_model.estimates(features)
        preference = self._reward_model.preference(features)
        eligible = features[ELIGIBLE]
        action = action_index(raw["recommender"], self._recommenders)
        logged = tf.gather(estimates, tf.maximum(action, 0), batch_dims=1)
        low, high = self._reward_bounds
        figures = {
            "user_id": raw["user_id"][:, None],
            "reward_estimates": estimates,
            "serving_probabilities": first_slot_probabilities(preference, eligible, self._epsilon),
            "eval_probabilities": first_slot_probabilities(estimates, eligible, 0.0),
            "logged_action": action[:, None],
            "logged_score": tf.clip_by_value((logged - low) / (high - low), 0.0, 1.0)[:, None],
        }
        return _of(examples, figures)

    def _features(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        inputs = {**raw, **{key: raw[key][:, None] for key in ("user_id", "campaign")}}
        inputs.pop("recommender", None)
        transformed = self._transform(inputs)
        features = {key: transformed[key] for key in (NUMERIC, CATEGORICAL) if key in transformed}
        return {**features, ELIGIBLE: tf.cast(transformed[ELIGIBLE], tf.bool)}

    def _ranking(
        self, raw: dict[str, Any], ranked: RankedSlots, estimates: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        filled = ranked.order >= 0
        index = tf.maximum(ranked.order, 0)
        names = tf.gather(tf.constant(self._recommenders), index)
        scores = tf.gather(estimates, index, batch_dims=1)
        return {
            "user_id": raw["user_id"][:, None],
            "campaign": raw["campaign"][:, None],
            "recommenders": tf.where(filled, names, ""),
            "scores": tf.where(filled, scores, 0.0),
            "propensities": ranked.propensity,
            "explored": tf.cast(ranked.explored, tf.int64)[:, None],
        }


def _filled_up(examples: tf.Tensor) -> tf.Tensor:
    """The examples followed by empty ones up to a multiple of `ROWS_MULTIPLE`."""
    missing = -tf.size(examples) % ROWS_MULTIPLE
    return tf.concat([examples, tf.fill([missing], "")], axis=0)


def _of(examples: tf.Tensor, outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The outputs' rows that belong to the examples."""
    return {name: values[: tf.size(examples)] for name, values in outputs.items()}
