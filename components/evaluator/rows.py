"""Logged rows boiled down to a few floats, once, before they are sliced and summed.

A row is a row of floats: the logged outcome first, then for each model what it says of the row.

    SHARED   reward, propensity, clicked, unsubscribed, action, best score, pi_d(a | x), sum_a pi_d q
    model 1  known, score, q(x, a), pi_s(a | x), sum_a pi_s q, pi_e(a | x), sum_a pi_e q
    model 2  ...

where pi_s is the model's serving policy, pi_e its eval policy, q its reward estimates, and score q of the logged
action rescaled into [0, 1]. Model 1 is the candidate, and all that is shared is as it sees the row; model 2, if there
is one, is in production. pi_d takes the default recommender; where none is eligible it is pi_e.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from newsletter_bandit.errors import DataError

SHARED = 8
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
    "default_action",
    "best_score",
)
_FEATURES = ("reward", "propensity", "clicked", "unsubscribed")
_PROPENSITY, _REWARD = "(0, 1]", "a finite number"  # what is allowed

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Logged outcome of n rows.

    Attributes:
      reward: [n], finite.
      propensity: [n], of the logged recommender, in (0, 1].
      clicked, unsubscribed: [n], yes or no.
      user_id: [n], str or bytes; who is named where a row is refused.
    """

    reward: npt.NDArray[Any]
    propensity: npt.NDArray[Any]
    clicked: npt.NDArray[Any]
    unsubscribed: npt.NDArray[Any]
    user_id: npt.NDArray[Any]


def table(outcome: Outcome, outputs: Sequence[Mapping[str, npt.NDArray[Any]]]) -> FloatArray:
    """Compact rows [n, SHARED + PER_MODEL * models], laid out as the module says.

    Args:
      outcome: of the n rows.
      outputs: of each model's `evaluation` signature for them, the candidate's first: estimates and probabilities
        [n, K], the others [n] or [n, 1].

    Raises:
      DataError: an output is missing or of another shape, or a value outside its range; names it and the user.
    """
    _check_outputs(outputs)
    n = len(outcome.user_id)
    columns = [_column(getattr(outcome, name), name, n) for name in _FEATURES]
    reward, propensity = columns[:2]
    _refuse(outcome, "propensity", propensity, ~((propensity > 0.0) & (propensity <= 1.0)), _PROPENSITY)
    _refuse(outcome, "reward", reward, ~np.isfinite(reward), _REWARD)
    candidate = _Model(outputs[0], n)
    columns += [candidate.action.astype(np.float64), candidate.best_score, *candidate.default_part()]
    for model in (candidate, *(_Model(output, n) for output in outputs[1:])):
        columns += model.part()
    return np.stack(columns, axis=1)


class _Model:
    """One model's outputs for n rows; a logged recommender that it does not know has action -1."""

    def __init__(self, output: Mapping[str, npt.NDArray[Any]], n: int) -> None:
        self._estimates = _matrix(output, "reward_estimates", n)
        self._policies = [_matrix(output, f"{name}_probabilities", n) for name in ("serving", "eval")]
        self._score = _column(output[SCORE], SCORE, n)
        self._default = _column(output["default_action"], "default_action", n).astype(np.int64)
        self._rows = np.arange(n)
        self.action = _column(output["logged_action"], "logged_action", n).astype(np.int64)
        self.best_score = _column(output["best_score"], "best_score", n)

    def part(self) -> list[FloatArray]:
        """The model's columns."""
        known = (self.action >= 0).astype(np.float64)
        columns = [known, self._score * known, self._of_action(self._estimates)]
        for policy in self._policies:
            columns += [self._of_action(policy), (policy * self._estimates).sum(axis=1)]
        return columns

    def default_part(self) -> tuple[FloatArray, FloatArray]:
        """pi_d(a | x) and sum_a pi_d q."""
        _, eval_policy = self._policies
        there = self._default >= 0
        taken = (self._default == self.action).astype(np.float64)
        estimate = self._estimates[self._rows, np.maximum(self._default, 0)]
        expected = (eval_policy * self._estimates).sum(axis=1)
        return np.where(there, taken, self._of_action(eval_policy)), np.where(there, estimate, expected)

    def _of_action(self, values: FloatArray) -> FloatArray:
        """The values [n, K] of the logged actions [n]; 0 where the model does not know them."""
        return np.where(self.action >= 0, values[self._rows, np.maximum(self.action, 0)], 0.0)


def _column(values: Any, name: str, n: int) -> FloatArray:
    column = np.asarray(values).astype(np.float64)
    if column.shape not in ((n,), (n, 1)):
        raise DataError(f"evaluation rows: {name} has shape {column.shape}; allowed: [{n}] or [{n}, 1]")
    return column.reshape(n)


def _matrix(output: Mapping[str, npt.NDArray[Any]], name: str, n: int) -> FloatArray:
    matrix = np.asarray(output[name]).astype(np.float64)
    size = np.shape(output["reward_estimates"])[-1]
    if matrix.shape != (n, size):
        raise DataError(f"evaluation rows: {name} has shape {matrix.shape}; allowed: [{n}, {size}]")
    return matrix


def _refuse(
    outcome: Outcome, name: str, values: FloatArray, outside: npt.NDArray[np.bool_], allowed: str
) -> None:
    if outside.any():
        row = int(np.argmax(outside))
        raise _outside(outcome.user_id[row], name, float(values[row]), allowed)


def _outside(user: Any, name: str, found: float, allowed: str) -> DataError:
    return DataError(f"evaluation row of user {text(user)}: {name} is {found:g}; allowed: {allowed}")


def _check_outputs(outputs: Sequence[Mapping[str, Any]]) -> None:
    for output in outputs:
        missing = [name for name in _OUTPUTS if name not in output]
        if missing:
            raise DataError(
                f"signature {SIGNATURE}: no output {', '.join(missing)}; allowed: a model with {', '.join(_OUTPUTS)}"
            )


def text(user: Any) -> str:
    """A user_id of str or bytes as it is written in a message."""
    return user.decode("utf-8", "replace") if isinstance(user, bytes) else str(user)
