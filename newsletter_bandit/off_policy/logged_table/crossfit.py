"""Cross-fitted reward model: no row is judged by a model that saw its user.

Users are dealt into K folds by a hash; the rows of a fold are estimated by the model fitted on the other
folds (of a sample of bounded size). A reward of two values is fitted by logistic regression, any other by
ridge regression, on context, action and their products.

See "Double/Debiased Machine Learning for Treatment and Structural Parameters" by Chernozhukov et al. (2018).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.logged_table import sampling
from newsletter_bandit.off_policy.logged_table.encoding import Encoder
from newsletter_bandit.off_policy.logged_table.reading import Rows
from newsletter_bandit.off_policy.logged_table.sampling import Sample

FloatArray = npt.NDArray[np.float64]
# Inverse penalty of the logistic regression, and penalty of the ridge.
C = 1.0
ALPHA = 10.0


class RewardModel:
    """Reward estimates of every action for rows of any size.

    Args:
      sample: rows to fit on.
      columns: labels of the sample that form the context.
      folds: number of folds, 2 or more.

    Raises:
      DataError: a fold, or all but a fold, has no row.
    """

    def __init__(self, sample: Sample, columns: Sequence[str], folds: int) -> None:
        check_folds(sample, folds)
        self.actions = sample.actions
        self._folds = folds
        self._encoder = Encoder({column: sample.labels[column] for column in columns})
        context = self._encoder.encode(sample.labels)
        action = np.searchsorted(np.array(self.actions, dtype=object), sample.action)
        self._fits = [
            _fit(context[train], action[train], sample.reward[train], len(self.actions))
            for train in (sample.fold != fold for fold in range(folds))
        ]

    def estimate(self, rows: Rows) -> FloatArray:
        """Reward estimates float64 [n, A], actions in the order of ``actions``."""
        context = self._encoder.encode(rows.labels)
        fold = sampling.folds(rows, self._folds)
        found = np.empty((len(rows), len(self.actions)))
        for number, fit in enumerate(self._fits):
            mine = fold == number
            found[mine] = fit(context[mine])
        return found


def check_folds(sample: Sample, folds: int) -> None:
    """Raises DataError unless every fold has rows."""
    sizes = np.bincount(sample.fold, minlength=folds)
    if (sizes == 0).any():
        raise DataError(
            f"{sample.rows:,} rows cannot be dealt into {folds} folds by user: fold "
            f"{int(np.argmin(sizes)) + 1} is empty; allowed: more users or fewer `folds`"
        )


def _fit(context: FloatArray, action: npt.NDArray[np.int64], reward: FloatArray, actions: int) -> Any:
    """Function from context [n, d] to estimates [n, A]."""
    levels = np.unique(reward)
    if len(levels) == 1:
        return lambda x: np.full((len(x), actions), levels[0])
    design = _design(context, action, actions)
    if len(levels) == 2:
        model = LogisticRegression(C=C, max_iter=500)
        with warnings.catch_warnings():
            # Doubly robust estimates stay unbiased even if the fit stops early.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(design, reward == levels[1])
        scores = _scores(model.coef_[0], float(model.intercept_[0]), context.shape[1], actions)
        return lambda x: levels[0] + (levels[1] - levels[0]) / (1.0 + np.exp(-scores(x)))
    model = Ridge(alpha=ALPHA, solver="sparse_cg", tol=1e-8)
    model.fit(design, reward)
    return _scores(model.coef_, float(model.intercept_), context.shape[1], actions)


def _design(context: FloatArray, action: npt.NDArray[np.int64], actions: int) -> sparse.csr_matrix:
    """[n, d + A + A d]: context, indicators of the action, and their products."""
    n, d = context.shape
    x = sparse.csr_matrix(context)
    taken = sparse.csr_matrix((np.ones(n), (np.arange(n), action)), shape=(n, actions))
    shifted = x.indices + np.repeat(action, np.diff(x.indptr)) * d
    products = sparse.csr_matrix((x.data, shifted, x.indptr), shape=(n, actions * d))
    return sparse.hstack([x, taken, products], format="csr")


def _scores(coefficients: FloatArray, intercept: float, d: int, actions: int) -> Any:
    shared, own, products = np.split(coefficients, [d, d + actions])
    slopes = shared[:, None] + products.reshape(actions, d).T
    return lambda x: intercept + own + x @ slopes
