"""The contract of the exported model: the names by which its graph and those who use it know each other.

The exporter makes what stands here. Scorer, evaluator, resolver, pusher and tuner rely on it, and none of
them spells out a name again. Shapes are those of a batch of B rows and K recommenders.
"""

from __future__ import annotations

from typing import Final, Literal

from serving.ranking import FIELDS

# Signatures. Each takes one string tensor of serialized tf.Examples, [B].
SERVING_POLICY: Final = "serving_policy"
EVAL_POLICY: Final = "eval_policy"
EVALUATION: Final = "evaluation"
# The resolver's second name of the policy that is served.
SERVING_DEFAULT: Final = "serving_default"
EXAMPLES: Final = "examples"

PolicyName = Literal["serving_policy", "eval_policy"]
POLICIES: Final[tuple[PolicyName, ...]] = (SERVING_POLICY, EVAL_POLICY)

# Variables of the model's root object: the criteria of the decision to serve it. Each is a scalar.
EXPLORATION_RATE: Final = "exploration_rate"
SCORE_FLOOR: Final = "score_floor"
EXPIRES_AFTER_DAYS: Final = "expires_after_days"
CRITERIA: Final = (EXPLORATION_RATE, SCORE_FLOOR, EXPIRES_AFTER_DAYS)

# Further criteria, which only a model of a use case with constraints has: what the policies subtract from
# each reward estimate for a unit of each constrained term's estimate, and what they add for each recommender.
# Both are in units of reward, and 0 until they are found.
CONSTRAINED_TERMS: Final = "constrained_terms"  # string [T]
TERM_MULTIPLIERS: Final = "term_multipliers"  # float32 [T]
RECOMMENDER_OFFSETS: Final = "recommender_offsets"  # float32 [K]

# Other variables of the root object. Whoever loads the model may bring the first four up to date, as
# `components/trainer/loaded.py` does.
RECOMMENDER_NAMES: Final = "recommender_names"  # string [K], in the order of every output
OFFERED: Final = "offered"  # bool [K]; no policy ranks the others
RENAMED: Final = "renamed"  # string [R, 2], old and new names in logged rows and lists
RUN_DAY: Final = "run_day"  # string scalar, the day that the exploration is drawn for; '' for none
TRAINING_ROWS: Final = "training_rows"  # int64 [K], rows that the model learned from; 0: never tried
FEW_ROWS: Final = "few_rows"  # bool [K]; these have the budget `exploration.new_arm`

# Columns of a tf.Example that the graph reads beside the use case's features.
USER_ID: Final = "user_id"
CAMPAIGN: Final = "campaign"
RECOMMENDER: Final = "recommender"  # the logged one; only the evaluation reads it

# Outputs of a policy: the fields of the stored ranking that the run does not stamp on it, and its lifetime.
# The identity passes through unaltered, [B, 1].
RECOMMENDERS: Final = "recommenders"  # [B, K] in the order of the ranking; '' pads
SCORES: Final = "scores"  # [B, K] reward estimates in that order
PROPENSITIES: Final = "propensities"  # [B, K] of each slot's choice, given the slots before
EXPLORED: Final = "explored"  # [B, 1] 1 where the first slot is an exploring choice, else 0
STAMPED: Final = frozenset({"use_case", "model_version", "generated_at", "expires_at"})
PREDICTED: Final = tuple(field for field in FIELDS if field.name not in STAMPED)
POLICY_OUTPUTS: Final = (
    *(field.name for field in PREDICTED),
    EXPIRES_AFTER_DAYS,  # [B, 1], the variable of that name
)

# Outputs of the evaluation, beside the identity.
REWARD_ESTIMATES: Final = "reward_estimates"  # [B, K]
SERVING_PROBABILITIES: Final = "serving_probabilities"  # [B, K] of the first slot
EVAL_PROBABILITIES: Final = "eval_probabilities"  # [B, K] likewise
LOGGED_ACTION: Final = "logged_action"  # [B, 1] index of the logged recommender; -1 for an unknown one
LOGGED_SCORE: Final = "logged_score"  # [B, 1] its reward estimate, rescaled into [0, 1]
DEFAULT_ACTION: Final = "default_action"  # [B, 1] index of the default recommender; -1 where none is eligible
BEST_SCORE: Final = "best_score"  # [B, 1] largest reward estimate of an eligible recommender
ELIGIBLE_RECOMMENDERS: Final = "eligible_recommenders"  # [B, K] true where the row lists it, or none
EVALUATION_OUTPUTS: Final = (
    USER_ID,
    REWARD_ESTIMATES,
    SERVING_PROBABILITIES,
    EVAL_PROBABILITIES,
    LOGGED_ACTION,
    LOGGED_SCORE,
    DEFAULT_ACTION,
    BEST_SCORE,
)
# What is asked of the candidate alone: models that were published before it was exported stay comparable.
OF_CANDIDATE: Final = (*EVALUATION_OUTPUTS, ELIGIBLE_RECOMMENDERS)

# Batches are filled up to a multiple of this many rows. Vectorised kernels compute a batch's last few rows by
# other instructions than the rest, so the last digit of a user's scores would depend on the batch.
ROWS_MULTIPLE: Final = 128
