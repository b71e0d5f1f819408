"""Propensities that were not logged, estimated by a cross-fitted multinomial logistic regression.

An estimate replaces what only the sender knew. It is right if the context holds everything that the logging
policy looked at; otherwise it is wrong, and nothing shows it. Every output says that propensities are
estimated.

See "The Central Role of the Propensity Score in Observational Studies for Causal Effects" by Rosenbaum and
Rubin (1983) for what it can and cannot do.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from newsletter_bandit.off_policy.logged_table import sampling
from newsletter_bandit.off_policy.logged_table.arrays import coded
from newsletter_bandit.off_policy.logged_table.crossfit import C, check_folds
from newsletter_bandit.off_policy.logged_table.encoding import Encoder
from newsletter_bandit.off_policy.logged_table.reading import Rows
from newsletter_bandit.off_policy.logged_table.sampling import Sample

FloatArray = npt.NDArray[np.float64]


class PropensityModel:
    """Probability that the logged action was chosen.

    Args:
      sample: rows to fit on.
      columns: labels of the sample that the logging policies may have looked at.
      version: label of the policy that logged a row; each gets its own slopes. None: there is only one.
      folds: 2 or more; a fold's rows are estimated by the model of the others.

    Raises:
      DataError: a fold has no row.
    """

    def __init__(self, sample: Sample, columns: Sequence[str], version: str | None, folds: int) -> None:
        check_folds(sample, folds)
        self._folds = folds
        self._actions = np.array(sample.actions, dtype=object)
        self._encoder = Encoder({column: sample.labels[column] for column in columns})
        self._versions = Encoder({version: sample.labels[version]}) if version is not None else None
        context = self._design(sample.labels)
        action = np.searchsorted(self._actions, sample.action)
        self._fits = [self._fit(context[t], action[t]) for t in (sample.fold != k for k in range(folds))]

    def estimate(self, rows: Rows) -> FloatArray:
        """Propensity of the logged action, float64 [n], more than 0."""
        context = self._design(rows.labels)
        codes, names = coded(rows.texts["action"])
        action = np.searchsorted(self._actions, np.array(names, dtype=object))[codes]
        fold = sampling.folds(rows, self._folds)
        found = np.empty(len(rows))
        for number, (model, classes, n) in enumerate(self._fits):
            mine = np.flatnonzero(fold == number)
            chances = np.zeros((len(mine), len(self._actions)))
            chances[:, classes] = (
                1.0 if model is None else model.predict_proba(context[mine]) if len(mine) else 0.0
            )
            # One more row, spread over all actions: an action that the other folds lack is rare, not
            # impossible.
            found[mine] = (n * chances[np.arange(len(mine)), action[mine]] + 1.0 / len(self._actions)) / (
                n + 1.0
            )
        return found

    def _design(self, labels: Mapping[str, pa.Array]) -> FloatArray:
        """Context, loggers, and their products."""
        context = self._encoder.encode(labels)
        if self._versions is None:
            return context
        version = self._versions.encode(labels)
        products = (context[:, :, None] * version[:, None, :]).reshape(len(context), -1)
        return np.concatenate([context, version, products], axis=1)

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
