"""Propensities that were not logged, estimated by a cross-fitted multinomial logistic regression.

An estimate replaces what only the sender knew: it is right where the context holds all that the logging policy looked
at, and wrong without a sign of it elsewhere. Whoever uses one is told.

See "The Central Role of the Propensity Score in Observational Studies for Causal Effects" by Rosenbaum and Rubin
(1983) for what it can and cannot do.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from components.evaluator.logged_table import sampling
from components.evaluator.logged_table.crossfit import C, check_folds
from components.evaluator.logged_table.encoding import Encoder
from components.evaluator.logged_table.reading import Rows
from components.evaluator.logged_table.sampling import Sample

FloatArray = npt.NDArray[np.float64]


class PropensityModel:
    """Probability that the logged action was chosen.

    Args:
      sample: rows to fit on.
      columns: labels of the sample that the logging policy may have looked at.
      folds: 2 or more; a fold's rows are estimated by the model of the others.

    Raises:
      DataError: a fold has no row.
    """

    def __init__(self, sample: Sample, columns: Sequence[str], folds: int) -> None:
        check_folds(sample, folds)
        self._folds = folds
        self._actions = np.array(sample.actions, dtype=object)
        self._encoder = Encoder({column: sample.labels[column] for column in columns})
        context = self._encoder.encode(sample.labels)
        action = np.searchsorted(self._actions, sample.action)
        self._fits = [self._fit(context[t], action[t]) for t in (sample.fold != k for k in range(folds))]

    def estimate(self, rows: Rows) -> FloatArray:
        """Propensity of the logged action, float64 [n], more than 0."""
        context = self._encoder.encode(rows.labels)
        coded = rows.texts["action"].dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False)
        action = np.searchsorted(self._actions, np.array(coded.dictionary.to_pylist(), dtype=object))[codes]
        fold = sampling.folds(rows, self._folds)
        found = np.empty(len(rows))
        for number, (model, classes, n) in enumerate(self._fits):
            mine = np.flatnonzero(fold == number)
            chances = np.zeros((len(mine), len(self._actions)))
            chances[:, classes] = (
                1.0 if model is None else model.predict_proba(context[mine]) if len(mine) else 0.0
            )
            # One row more, spread over all actions: an action that the other folds lack is rare, not impossible.
            found[mine] = (n * chances[np.arange(len(mine)), action[mine]] + 1.0 / len(self._actions)) / (
                n + 1.0
            )
        return found

    def _fit(
        self, context: FloatArray, action: npt.NDArray[np.int64]
    ) -> tuple[LogisticRegression | None, npt.NDArray[np.int64], int]:
        classes = np.unique(action)
        if len(classes) == 1:
            return None, classes, len(action)
        model = LogisticRegression(C=C, max_iter=500)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(context, action)
        return model, classes, len(action)
