"""Logged rows boiled down to a few floats, once, before they are sliced and summed.

A row is a tuple of floats: the logged outcome first, then for each model what it says of the row.

    SHARED   reward, propensity, clicked, unsubscribed, action
    model 1  known, score, q(x, a), pi_s(a | x), sum_a pi_s q, pi_e(a | x), sum_a pi_e q
    model 2  ...

where pi_s is the model's serving policy, pi_e its eval policy, q its reward estimates, and score q of the logged
action rescaled into [0, 1]. Model 1 is the candidate; model 2, if there is one, is in production.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.errors import DataError

Row = tuple[float, ...]
SHARED = 5
PER_MODEL = 7
SIGNATURE = "evaluation"
SCORE = "logged_score"
_OUTPUTS = (
    "user_id",
    "reward_estimates",
    "serving_probabilities",
    "eval_probabilities",
    "logged_action",
    SCORE,
)
_FEATURES = ("reward", "propensity", "clicked", "unsubscribed")


def compact_row(features: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]) -> Row:
    """One row, laid out as the module says.

    Args:
      features: of the example; one value each of reward, propensity, clicked and unsubscribed.
      outputs: of each model's `evaluation` signature for it, the candidate's first.

    Raises:
      DataError: a feature or output is missing, or a value outside its range; names it and the user.
    """
    for output in outputs:
        missing = [name for name in _OUTPUTS if name not in output]
        if missing:
            raise DataError(
                f"signature {SIGNATURE}: no output {', '.join(missing)}; allowed: a model with {', '.join(_OUTPUTS)}"
            )
    user = _text(outputs[0]["user_id"])
    actions = [int(_flat(output["logged_action"])[0]) for output in outputs]
    outcome = shared_part(user, *(_scalar(features, name, user) for name in _FEATURES))
    row = (*outcome, float(actions[0]))
    for action, output in zip(actions, outputs, strict=True):
        row += model_part(
            action,
            float(_flat(output[SCORE])[0]),
            _flat(output["reward_estimates"]).astype(np.float64),
            _flat(output["serving_probabilities"]).astype(np.float64),
            _flat(output["eval_probabilities"]).astype(np.float64),
        )
    return row


def shared_part(user_id: str, reward: float, propensity: float, clicked: float, unsubscribed: float) -> Row:
    """Logged outcome of one row; the caller puts the action behind it.

    Raises:
      DataError: the propensity is outside (0, 1] or the reward is not finite; names the user.
    """
    if not 0.0 < propensity <= 1.0:
        raise DataError(f"evaluation row of user {user_id}: propensity is {propensity:g}; allowed: (0, 1]")
    if not math.isfinite(reward):
        raise DataError(f"evaluation row of user {user_id}: reward is {reward:g}; allowed: a finite number")
    return (reward, propensity, clicked, unsubscribed)


def model_part(
    action: int,
    score: float,
    estimates: npt.NDArray[Any],
    serving_probabilities: npt.NDArray[Any],
    eval_probabilities: npt.NDArray[Any],
) -> Row:
    """What one model says of one row.

    Args:
      action: index of the logged recommender; -1 if the model does not know it, so never takes it.
      score: q(x, a) of the logged recommender, rescaled into [0, 1].
      estimates: [K], q(x, a).
      serving_probabilities: [K], pi_s(a | x).
      eval_probabilities: [K], pi_e(a | x).
    """
    expected_serving = float(serving_probabilities @ estimates)
    expected_eval = float(eval_probabilities @ estimates)
    if action < 0:
        return (0.0, 0.0, 0.0, 0.0, expected_serving, 0.0, expected_eval)
    return (
        1.0,
        score,
        float(estimates[action]),
        float(serving_probabilities[action]),
        expected_serving,
        float(eval_probabilities[action]),
        expected_eval,
    )


def _flat(value: Any) -> npt.NDArray[Any]:
    return np.asarray(value).reshape(-1)


def _text(value: Any) -> str:
    raw = _flat(value)[0]
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _scalar(features: Mapping[str, Any], name: str, user: str) -> float:
    value = features.get(name)
    flat = _flat(value) if value is not None else np.empty(0)
    if flat.size != 1:
        raise DataError(
            f"evaluation row of user {user}: {name} has {flat.size} values; allowed: exactly one number"
        )
    return float(flat[0])
