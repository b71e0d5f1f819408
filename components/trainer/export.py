"""The exported graph: Transform, reward model and policies in one SavedModel that plain TensorFlow loads.

Signatures, each from one string tensor `examples` [batch] of serialized tf.Examples:

    serving_policy  explores (see `exploration`) and records its propensities
    eval_policy     does not explore: best estimate first
    evaluation      deterministic: closed-form action probabilities of both policies and all reward estimates

Three variables hold the criteria of the decision to serve the model, and are set when it is published:

    exploration_rate    share of the exploring policy in the serving policy, in [0, 1]
    score_floor         where the best estimate is below it, the serving policy puts the default
                        recommender first
    expires_after_days  how long a ranking is served after the day it was made for

A use case with constraints has further criteria, found before the model is saved and 0 until then: the
policies prefer the largest

    reward estimate - sum over terms of multiplier x the term's estimate + the recommender's offset

    term_multipliers     per constrained term
    recommender_offsets  per recommender

The stored score stays the reward estimate.

Others say what the model learned from, and what may change without a training: names of recommenders, which
of them are offered, and the day of the run (`newsletter_bandit/exported_model.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.trainer import exploration, fingerprint
from components.trainer.experience import Experience
from components.trainer.exploration import Distribution
from components.trainer.keyed_hash import draws
from components.trainer.reward_model import RewardModel
from components.trainer.term_model import TermModel
from components.trainer.warm_start import Names, WarmStartState
from components.transform.layout import CATEGORICAL, ELIGIBLE, NUMERIC
from components.transform.names import action_index, eligibility, rename_pairs, todays_names
from newsletter_bandit import exported_model as model
from newsletter_bandit.registry.evidence import Constraints
from newsletter_bandit.settings.use_case import UseCase

_EXAMPLES = [tf.TensorSpec([None], tf.string, name=model.EXAMPLES)]
# A missing identity must not fail the batch it is in: the row goes through and is refused when it is stored.
_OPTIONAL_STRING = tf.io.FixedLenFeature([], tf.string, default_value="")


class BanditModel(tf.Module):
    """Transform graph and policies over one reward model.

    Args:
      transform_output: the Transform step's graph; its vocabularies become assets of the SavedModel.
      reward_model: a trained agent's estimates.
      use_case: recommenders, exploration and reward bounds.
      experience: rows that the reward model learned from.
      terms: estimates of the outcomes that a constraint bounds, in the order of the settings.

    Attributes:
      found: how the constraints are held; None where nobody looked, or the use case has none.
    """

    def __init__(
        self,
        transform_output: tft.TFTransformOutput,
        reward_model: RewardModel,
        use_case: UseCase,
        experience: Experience,
        terms: Sequence[TermModel] = (),
    ) -> None:
        super().__init__(name="bandit_model")
        self.found: Constraints | None = None
        self._transform = transform_output.transform_features_layer()
        self._reward_model = reward_model
        self._use_case_name = use_case.name
        self._count = len(use_case.recommenders)
        self._few_rows = tuple(experience.few_rows(use_case))
        self._new_arm = use_case.exploration.new_arm
        self._experience = experience
        self._reward_bounds = use_case.reward.bounds
        self._agent = use_case.agent.type
        self._names = Names.of(use_case, transform_output)
        defaults = [use_case.recommenders.index(name) for name in use_case.default_ranking]
        self._defaults = tf.constant(defaults, tf.int64)
        self._epsilon = _scalar(use_case.exploration.epsilon, tf.float32, "epsilon")
        self.exploration_rate = _scalar(1.0, tf.float32, model.EXPLORATION_RATE)
        self.score_floor = _scalar(-math.inf, tf.float32, model.SCORE_FLOOR)
        self.expires_after_days = _scalar(
            use_case.freshness.expires_after_days, tf.int64, model.EXPIRES_AFTER_DAYS
        )
        self._term_models = tuple(terms)
        self._constrained = bool(use_case.constraints)
        if self._constrained:
            names = list(use_case.constrained_terms)
            self.constrained_terms = _fixed(names, tf.string, model.CONSTRAINED_TERMS)
            self.term_multipliers = _fixed([0.0] * len(names), tf.float32, model.TERM_MULTIPLIERS)
            self.recommender_offsets = _fixed([0.0] * self._count, tf.float32, model.RECOMMENDER_OFFSETS)
        self.recommender_names = _fixed(list(use_case.recommenders), tf.string, model.RECOMMENDER_NAMES)
        offered = [name in use_case.offered for name in use_case.recommenders]
        self.offered = _fixed(offered, tf.bool, model.OFFERED)
        # As many pairs as the settings of the day have.
        pairs = rename_pairs(use_case.renamed)
        self.renamed = tf.Variable(
            pairs, trainable=False, dtype=tf.string, shape=[None, 2], name=model.RENAMED
        )
        self.run_day = _scalar("", tf.string, model.RUN_DAY)
        self.training_rows = _fixed(list(experience.rows), tf.int64, model.TRAINING_ROWS)
        self.few_rows = _fixed(list(self._few_rows), tf.bool, model.FEW_ROWS)
        raw = transform_output.raw_feature_spec()
        spec = {name: spec for name, spec in raw.items() if name not in use_case.labels}
        spec |= {model.USER_ID: _OPTIONAL_STRING, model.CAMPAIGN: _OPTIONAL_STRING}
        # A proxy, because tf.Module would treat a plain dictionary as state to save.
        self._feature_spec = MappingProxyType(spec)

    def save(self, directory: Path | str) -> None:
        """Writes the SavedModel with its three signatures, and the state for the next training."""
        signatures = {
            model.SERVING_POLICY: self.serving_policy,
            model.EVAL_POLICY: self.eval_policy,
            model.EVALUATION: self.evaluation,
        }
        tf.saved_model.save(self, str(directory), signatures=signatures)
        fingerprint.renew(str(directory))
        self.warm_start.save(str(directory))
        if self.found is not None:
            self.found.save(str(directory))

    @property
    def warm_start(self) -> WarmStartState:
        """The state for the next training."""
        arrays = self._reward_model.warm_start()
        return WarmStartState(self._names, self._agent, arrays, tuple(self._experience.rows))

    @tf.function(autograph=False, input_signature=_EXAMPLES)
    def serving_policy(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranking with exploration; the same user, campaign and day always draw the same."""
        raw = tf.io.parse_example(_filled_up(examples), dict(self._feature_spec))
        features = self._features(raw)
        estimates = self._reward_model.estimates(features)
        drawn = draws(self._use_case_name, raw[model.USER_ID], raw[model.CAMPAIGN], self.run_day, self._count)
        preference, shift = self._preference(features, estimates)
        policy = self._serving(features, estimates, preference, shift)
        return _of(examples, self._ranking(raw, features, policy, drawn, estimates, preference))

    @tf.function(autograph=False, input_signature=_EXAMPLES)
    def eval_policy(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranking by estimate alone; every propensity is 1."""
        raw = tf.io.parse_example(_filled_up(examples), dict(self._feature_spec))
        features = self._features(raw)
        estimates = self._reward_model.estimates(features)
        drawn = tf.zeros(tf.shape(estimates), tf.int64)
        preference, _ = self._preference(features, estimates)
        policy = self._greedy(preference)
        return _of(examples, self._ranking(raw, features, policy, drawn, estimates, preference))

    @tf.function(autograph=False, input_signature=_EXAMPLES)
    def evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Outputs that off-policy evaluation needs for each logged row."""
        spec = {**self._feature_spec, model.RECOMMENDER: _OPTIONAL_STRING}
        raw = tf.io.parse_example(_filled_up(examples), spec)
        features = self._features(raw)
        estimates = self._reward_model.estimates(features)
        preference, shift = self._preference(features, estimates)
        serving = self._serving(features, estimates, preference, shift)
        eligible = features[ELIGIBLE]
        action = action_index(todays_names(raw[model.RECOMMENDER], self.renamed), self.recommender_names)
        logged = tf.gather(estimates, tf.maximum(action, 0), batch_dims=1)
        figures = {
            model.USER_ID: raw[model.USER_ID][:, None],
            model.REWARD_ESTIMATES: estimates,
            model.SERVING_PROBABILITIES: tf.cast(serving(eligible), tf.float32),
            model.EVAL_PROBABILITIES: tf.cast(self._greedy(preference)(eligible), tf.float32),
            model.LOGGED_ACTION: action[:, None],
            model.LOGGED_SCORE: self._rescaled(logged)[:, None],
            model.DEFAULT_ACTION: self._default_action(eligible)[:, None],
            model.BEST_SCORE: self._best_score(estimates, preference, eligible)[:, None],
            # As the log has it, in which what is retired now was sent.
            model.ELIGIBLE_RECOMMENDERS: self._listed(raw),
        }
        return _of(examples, figures)

    def judged(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What constraints are found by, for transformed rows: `estimates` and `terms` [batch, K, T], both
        float32, and the first-slot probabilities `serving` and `eval`, float64 [batch, K].
        """
        eligible = tf.cast(features[ELIGIBLE], tf.bool) & self.offered
        known = {**features, ELIGIBLE: eligible}
        if CATEGORICAL in features:
            known[CATEGORICAL] = tf.cast(features[CATEGORICAL], tf.int64)
        estimates = self._reward_model.estimates(known)
        preference, shift = self._preference(known, estimates)
        terms = [term.estimates(known) for term in self._term_models]
        return {
            "estimates": estimates,
            "terms": tf.stack(terms, axis=2) if terms else tf.zeros_like(estimates)[:, :, None][:, :, :0],
            "serving": self._serving(known, estimates, preference, shift)(eligible),
            "eval": self._greedy(preference)(eligible),
        }

    def _preference(
        self, features: Mapping[str, tf.Tensor], estimates: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The order of the recommenders, and what constraints add to it, float32 [batch, K] each; the
        estimates and None without constraints.
        """
        if not self._constrained:
            return estimates, None
        shift = self.recommender_offsets + tf.zeros_like(estimates)
        for number, term in enumerate(self._term_models):
            shift -= self.term_multipliers[number] * term.estimates(features)
        return estimates + shift, shift

    def _rescaled(self, estimates: tf.Tensor) -> tf.Tensor:
        """The estimates in [0, 1], in their order; of a reward without bounds, on a curve."""
        if self._reward_bounds is None:
            return tf.sigmoid(estimates)
        low, high = self._reward_bounds
        return tf.clip_by_value((estimates - low) / (high - low), 0.0, 1.0)

    def _features(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        inputs = {**raw, **{key: raw[key][:, None] for key in (model.USER_ID, model.CAMPAIGN)}}
        inputs.pop(model.RECOMMENDER, None)
        transformed = self._transform(inputs)
        features = {key: transformed[key] for key in (NUMERIC, CATEGORICAL) if key in transformed}
        # Not Transform's own, which holds the names of the training.
        return {**features, ELIGIBLE: self._listed(raw) & self.offered}

    def _listed(self, raw: dict[str, Any]) -> tf.Tensor:
        """Recommenders that each row's list names, all where it is empty, bool [batch, K]."""
        return eligibility(raw["eligible_recommenders"], self.recommender_names, self.renamed)

    def _serving(
        self,
        features: Mapping[str, tf.Tensor],
        estimates: tf.Tensor,
        preference: tf.Tensor,
        shift: tf.Tensor | None,
    ) -> Distribution:
        # Only an agent that is to hold constraints needs to know of them.
        own = (
            self._reward_model.own_policy(features)
            if shift is None
            else self._reward_model.own_policy(features, shift)
        )
        exploring = exploration.mixture(self._epsilon, exploration.uniform, own)
        served = exploration.mixture(self.exploration_rate, exploring, self._greedy(preference))
        budget = self._new_arm
        served = exploration.budgeted(
            served, self._few_rows, budget.min_share, budget.max_share, budget.max_total_share
        )
        eligible = features[ELIGIBLE]
        default = self._default_action(eligible)
        below = (self._best_score(estimates, preference, eligible) < self.score_floor) & (default >= 0)
        first = tf.one_hot(default, self._count, on_value=True, off_value=False, dtype=tf.bool)
        behind_default = exploration.best(tf.where(first, preference.dtype.max, preference))
        return exploration.where(below, behind_default, served)

    def _greedy(self, preference: tf.Tensor) -> Distribution:
        """The best preference first; a recommender with few rows, whose value is not known, behind all
        others.
        """
        return exploration.behind(exploration.best(preference), self._few_rows)

    def _best_score(self, estimates: tf.Tensor, preference: tf.Tensor, eligible: tf.Tensor) -> tf.Tensor:
        """Estimate of the eval policy's first choice, float32 [batch]; float32's lowest where there is
        none.
        """
        chosen = self._greedy(preference)(eligible) > 0
        return tf.reduce_max(tf.where(chosen, estimates, estimates.dtype.min), axis=1)

    def _default_action(self, eligible: tf.Tensor) -> tf.Tensor:
        """First recommender of the default ranking that is eligible, int64 [batch]; -1 where there is
        none.
        """
        allowed = tf.gather(eligible, self._defaults, axis=1)
        first = tf.gather(self._defaults, tf.argmax(tf.cast(allowed, tf.int32), axis=1))
        return tf.where(tf.reduce_any(allowed, axis=1), first, tf.constant(-1, tf.int64))

    def _ranking(
        self,
        raw: dict[str, Any],
        features: dict[str, tf.Tensor],
        policy: Distribution,
        drawn: tf.Tensor,
        estimates: tf.Tensor,
        preference: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        eligible = features[ELIGIBLE]
        ranked = exploration.rank(policy, eligible, drawn)
        filled = ranked.order >= 0
        index = tf.maximum(ranked.order, 0)
        names = tf.gather(self.recommender_names, index)
        scores = tf.gather(estimates, index, batch_dims=1)
        greedy = tf.argmax(self._greedy(preference)(eligible), axis=1)
        # What is served for certain, such as a default, is not exploration, whatever scores best.
        explored = filled[:, 0] & tf.not_equal(index[:, 0], greedy) & (ranked.propensity[:, 0] < 1.0)
        return {
            model.USER_ID: raw[model.USER_ID][:, None],
            model.CAMPAIGN: raw[model.CAMPAIGN][:, None],
            model.RECOMMENDERS: tf.where(filled, names, ""),
            model.SCORES: tf.where(filled, scores, 0.0),
            model.PROPENSITIES: ranked.propensity,
            model.EXPLORED: tf.cast(explored, tf.int64)[:, None],
            model.EXPIRES_AFTER_DAYS: tf.fill([tf.shape(estimates)[0], 1], self.expires_after_days),
        }


def _scalar(value: float | str, dtype: Any, name: str) -> tf.Variable:
    return tf.Variable(value, trainable=False, dtype=dtype, name=name)


def _fixed(values: list[Any], dtype: Any, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, dtype=dtype, name=name)


def _filled_up(examples: tf.Tensor) -> tf.Tensor:
    """The examples followed by empty ones up to a multiple of `model.ROWS_MULTIPLE`."""
    missing = -tf.size(examples) % model.ROWS_MULTIPLE
    return tf.concat([examples, tf.fill([missing], "")], axis=0)


def _of(examples: tf.Tensor, outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The outputs' rows that belong to the examples."""
    return {name: values[: tf.size(examples)] for name, values in outputs.items()}
