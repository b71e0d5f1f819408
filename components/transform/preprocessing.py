"""The preprocessing function of TFX Transform.

Its graph is prepended to the exported model, so that training and serving run the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.transform.layout import (
    ACTION,
    CATEGORICAL,
    ELIGIBLE,
    NUMERIC,
    OUTCOMES,
    PROPENSITY,
    REWARD,
    USER,
    USER_BUCKETS,
    Layout,
    vocabulary_name,
)
from components.transform.names import action_index, eligibility, rename_pairs, todays_names
from newsletter_bandit.settings.constraints import clip_of
from newsletter_bandit.settings.tables import LABELS, Scaling, StringFeature
from newsletter_bandit.settings.use_case import UseCase

# A missing string is a separate value: it can say as much about a user as any other.
MISSING = "__missing__"
# Standard deviations of a normal distribution from one of its ends to the other, roughly.
_WIDTH = 6.0
# Of a mean's size; float32 holds seven digits, so less than this is rounding.
_SMALLEST_DEVIATION = 1e-6
# Key of the hash of users: other users than those of the eval split, which has a hash of its own.
_USER_KEY = (0x6D756C7469706C79, 0)


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Packs the raw features into the vectors of `Layout`.

    Args:
      inputs: raw batch; each feature is a dense [batch] or [batch, 1] tensor or a sparse one whose rows hold
        no or one value. `eligible_recommenders` may hold any number of values per row.
      custom_config: `{"use_case": UseCase.to_json()}`.

    Returns:
      `numeric` float32 [batch, 2 N], `categorical` int64 [batch, S], `eligible` int64 [batch, K] and, where
      the labels are there, `action` int64 [batch, 1] (-1 for an unknown recommender), `propensity` and
      `reward` float32 [batch, 1]. With constraints also `user` int64 [batch, 1] and `outcomes` float32
      [batch, T], of the T terms that they bound.
    """
    use_case = UseCase.from_json(custom_config["use_case"])
    layout = Layout.of(use_case)
    outputs: dict[str, tf.Tensor] = {}

    if layout.numeric_features:
        treatments = [use_case.features[name].treatment for name in layout.numeric_features]
        features = [inputs[name] for name in layout.numeric_features]
        outputs[NUMERIC] = _numeric(features, treatments, use_case.scaling)

    indices = []
    for name in layout.categorical_features:
        feature = use_case.features[name]
        assert isinstance(feature, StringFeature)
        indices.append(
            tft.compute_and_apply_vocabulary(
                _strings(inputs[name], MISSING),
                top_k=feature.max_vocabulary,
                num_oov_buckets=1,
                vocab_filename=vocabulary_name(name),
            )
        )
    if indices:
        outputs[CATEGORICAL] = tf.stack(indices, axis=1)

    renamed = rename_pairs(use_case.renamed)
    eligible = eligibility(inputs["eligible_recommenders"], layout.recommenders, renamed)
    outputs[ELIGIBLE] = tf.cast(eligible, tf.int64)
    if all(label in inputs for label in LABELS):
        logged = todays_names(_strings(inputs["recommender"], ""), renamed)
        outputs[ACTION] = action_index(logged, layout.recommenders)[:, None]
        outputs[PROPENSITY] = _floats(inputs["propensity"])[:, None]
        outputs[REWARD] = _floats(inputs["reward"])[:, None]
        outputs |= constrained(inputs, use_case)
    return outputs


def constrained(inputs: dict[str, Any], use_case: UseCase) -> dict[str, tf.Tensor]:
    """What only a use case with constraints needs.

    Args:
      inputs: raw batch of training rows, as in `preprocessing_fn`.
      use_case: its constraints.

    Returns:
      `user` int64 [batch, 1] and, of T constrained terms, `outcomes` float32 [batch, T]; nothing without
      constraints.
    """
    found: dict[str, tf.Tensor] = {}
    if use_case.constraints:
        user = tf.strings.to_hash_bucket_strong(
            _strings(inputs["user_id"], ""), USER_BUCKETS, list(_USER_KEY)
        )
        found[USER] = user[:, None]
    terms = [(inputs[term], clip_of(term, use_case.reward)) for term in use_case.constrained_terms]
    if terms:
        found[OUTCOMES] = tf.stack([tf.clip_by_value(_floats(x), *clip) for x, clip in terms if clip], axis=1)
    return found


def _dense(x: Any, default: Any) -> tf.Tensor:
    if isinstance(x, tf.SparseTensor):
        x = tf.sparse.to_dense(
            tf.SparseTensor(x.indices, x.values, [x.dense_shape[0], 1]), default_value=default
        )
    return tf.reshape(x, [-1])


def _strings(x: Any, default: str) -> tf.Tensor:
    values = _dense(x, "")
    return tf.where(tf.equal(values, ""), tf.constant(default), values)


def _floats(x: Any) -> tf.Tensor:
    if isinstance(x, tf.SparseTensor):
        x = tf.SparseTensor(x.indices, tf.cast(x.values, tf.float32), x.dense_shape)
        return _dense(x, float("nan"))
    return tf.cast(tf.reshape(x, [-1]), tf.float32)


def _numeric(features: Sequence[Any], treatments: Sequence[str], scaling: Scaling) -> tf.Tensor:
    """Treated values and then, in the same order, 1.0 where one is missing (NULL, NaN or infinite).

    Args:
      features: one raw batch per feature.
      treatments: treatment of each feature.
      scaling: which features are left out, which is 0.0 in every row, and the largest z-score.

    Returns:
      float32 [batch, 2 N].
    """
    columns = []
    for feature, treatment in zip(features, treatments, strict=True):
        value = _floats(feature)
        columns.append(tf.math.log1p(tf.maximum(value, 0.0)) if treatment == "log1p" else value)
    values = tf.stack(columns, axis=1)
    missing = tf.logical_not(tf.math.is_finite(values))
    low, high = _ends(values, missing, scaling.min_varying_share)
    # A feature that is the same in nearly all training rows teaches nothing, and its variance is a rounding
    # error or that of a few rows: in other units, any other value would be millions.
    varies = low < high
    limit = scaling.max_z_score
    # An identity of what no training row comes near would drown all else.
    beyond = limit * (high - low)
    treated = tf.clip_by_value(values, low - beyond, high + beyond)
    scaled = [treatment != "identity" for treatment in treatments]
    if any(scaled):
        # All at once, because the number of analyzers is Transform's cost. They leave out numbers that are
        # not finite.
        mean = tft.mean(values, reduce_instance_dims=False)
        deviation = tf.sqrt(tft.var(values, reduce_instance_dims=False))
        # A NaN, of a feature that is always missing, stays one; that feature does not vary.
        deviation = tf.maximum(deviation, _SMALLEST_DEVIATION * tf.maximum(tf.abs(mean), 1e-30))
        # Squares of absurd values overflow: a comparison with NaN is false.
        plausible = deviation <= scaling.max_deviation * (high - low)
        mean = tf.where(plausible | ~varies, mean, (low + high) / 2.0)
        deviation = tf.where(plausible | ~varies, deviation, (high - low) / _WIDTH)
        z_scores = tf.clip_by_value((values - mean) / deviation, -limit, limit)
        treated = tf.where(tf.constant(scaled), z_scores, treated)
    treated = tf.where(missing | ~varies, tf.zeros_like(treated), treated)
    return tf.concat([treated, tf.cast(missing, tf.float32)], axis=1)


def _ends(values: tf.Tensor, missing: tf.Tensor, share: float) -> tuple[tf.Tensor, tf.Tensor]:
    """The values of each feature with a ``share`` of the training rows below and above, float32 [N] each.

    Args:
      values: float32 [batch, N].
      missing: bool [batch, N]; such values do not count, but their rows do.
      share: in (0, 0.5).
    """
    # The sketch has no place for NaN. Put last and first, they cannot bring the two ends apart.
    last = tf.where(missing, values.dtype.max, values)
    first = tf.where(missing, values.dtype.min, values)
    quantiles = tft.quantiles(
        tf.concat([last, first], axis=1),
        num_buckets=max(round(1.0 / share), 2),
        epsilon=share / 5.0,
        reduce_instance_dims=False,
    )
    low, high = tf.split(tf.reshape(quantiles, [2 * values.shape[1], -1]), 2)
    return low[:, 0], high[:, -1]
