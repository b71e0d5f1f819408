"""Logged newsletters as production's policy sees them, with all recommenders and with one less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.evaluator.rows import among
from components.evaluator.seen_by import seen_by
from components.trainer.loaded import bring_up_to_date
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import (
    EVAL_POLICY,
    EVAL_PROBABILITIES,
    EVALUATION,
    FEW_ROWS,
    LOGGED_ACTION,
    OFFERED,
    RECOMMENDER_NAMES,
    REWARD_ESTIMATES,
    SERVING_PROBABILITIES,
    TRAINING_ROWS,
    PolicyName,
)
from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.settings.use_case import UseCase

FloatArray = npt.NDArray[np.float64]
# Rows per call; more are no faster, only larger.
_BATCH = 8192


@dataclass(frozen=True, eq=False)
class Rows:
    """Logged newsletters.

    Attributes:
      examples: serialized tf.Examples [n].
      reward: [n].
      propensity: [n], in (0, 1].
      user: [n], hash of the user.
    """

    examples: npt.NDArray[np.object_]
    reward: FloatArray
    propensity: FloatArray
    user: npt.NDArray[np.uint64]


class Production:
    """A published model.

    Args:
      folder: of its SavedModel.
      use_case: today's settings, whose retired and renamed recommenders the model may not know.
      policy: the policy that is served.

    Attributes:
      names: of its recommenders today, [K].
      offered: bool [K], which of them are ranked.
      training_rows: [K], rows that it learned each of them from; None for a model that does not say.
      few_rows: bool [K], which of them are new to it; None likewise.

    Raises:
      DataError: it was trained before recommenders could be retired, so none can be taken away.
    """

    def __init__(self, folder: str, use_case: UseCase, policy: PolicyName) -> None:
        self._model = tf.saved_model.load(folder)
        if EVALUATION not in self._model.signatures or not hasattr(self._model, OFFERED):
            raise DataError(
                f"{folder}: trained before recommenders could be retired, so nothing can be said of a policy "
                "without one; `newsletter-bandit train` publishes a model that can"
            )
        bring_up_to_date(self._model, use_case)
        self._evaluation = self._model.signatures[EVALUATION]
        self._bounds = use_case.reward.bounds
        self._probabilities = EVAL_PROBABILITIES if policy == EVAL_POLICY else SERVING_PROBABILITIES
        self.names = tuple(name.decode() for name in getattr(self._model, RECOMMENDER_NAMES).numpy().tolist())
        self.offered: npt.NDArray[np.bool_] = getattr(self._model, OFFERED).numpy()
        self.training_rows = _variable(self._model, TRAINING_ROWS)
        self.few_rows = _variable(self._model, FEW_ROWS)
        self._tried = None if self.training_rows is None else self.training_rows > 0

    def seen(self, rows: Rows, without: Sequence[int]) -> tuple[LoggedBatch, FloatArray, list[LoggedBatch]]:
        """The rows under the policy as it is, its probabilities [n, K], and the rows under the policy without
        each of some recommenders, given by their index.
        """
        output = self._outputs(rows.examples)
        estimates = output[REWARD_ESTIMATES].astype(np.float64)
        if self._bounds is not None:
            estimates = np.clip(estimates, *self._bounds)
        action = output[LOGGED_ACTION][:, 0].astype(np.int64)

        def batch(probabilities: FloatArray) -> LoggedBatch:
            taken = among(probabilities, self._tried)
            return seen_by(estimates, taken, action, rows.reward, rows.propensity, rows.user)

        whole = output[self._probabilities].astype(np.float64)
        others = [batch(self._without(index, rows.examples)) for index in without]
        return batch(whole), whole, others

    def _without(self, index: int, examples: npt.NDArray[np.object_]) -> FloatArray:
        offered = self.offered.copy()
        offered[index] = False
        variable = getattr(self._model, OFFERED)
        variable.assign(offered)
        try:
            return self._outputs(examples)[self._probabilities].astype(np.float64)
        finally:
            variable.assign(self.offered)

    def _outputs(self, examples: npt.NDArray[np.object_]) -> dict[str, npt.NDArray[Any]]:
        parts = [
            self._evaluation(examples=tf.constant(examples[start : start + _BATCH]))
            for start in range(0, len(examples), _BATCH)
        ]
        wanted = (REWARD_ESTIMATES, LOGGED_ACTION, self._probabilities)
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in wanted}


def _variable(model: Any, name: str) -> npt.NDArray[Any] | None:
    found = getattr(model, name, None)
    return None if found is None else np.asarray(found.numpy())
