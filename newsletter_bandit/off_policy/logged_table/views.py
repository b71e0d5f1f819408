"""Rows of a logged table as the estimators see them; missing estimates are fitted first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.logged_table import hashing
from newsletter_bandit.off_policy.logged_table.arrays import coded
from newsletter_bandit.off_policy.logged_table.encoding import nearly_numbers
from newsletter_bandit.off_policy.logged_table.options import Options
from newsletter_bandit.off_policy.logged_table.reading import LoggedTable, Rows

if TYPE_CHECKING:
    from newsletter_bandit.off_policy.logged_table.crossfit import RewardModel
    from newsletter_bandit.off_policy.logged_table.propensities import PropensityModel

FloatArray = npt.NDArray[np.float64]


class Views:
    """Rows as the estimators see them.

    Args:
      table: the table; it is read once if something is to be fitted.
      options: folds and size of the sample.
      with_users: add the hash of each row's user.

    Attributes:
      propensity_context: columns from which propensities are estimated.
      said: sentences on how the context was understood.

    Raises:
      DataError: as `LoggedTable.batches`, or there are fewer users than folds.
    """

    def __init__(self, table: LoggedTable, options: Options, with_users: bool) -> None:
        columns = table.columns
        self._with_users = with_users
        self._reward_model: RewardModel | None = None
        self._propensity_model: PropensityModel | None = None
        version = () if columns.policy_version is None else (columns.policy_version,)
        self.propensity_context = tuple(dict.fromkeys((*columns.context, *version)))
        self.said: list[str] = []
        if not columns.fits_reward_model and not columns.estimates_propensities:
            return
        from newsletter_bandit.off_policy.logged_table import sampling

        sample = sampling.draw(
            table, self.propensity_context, options.folds, options.sample_rows, options.batch_rows
        )
        self.said = nearly_numbers({name: sample.labels[name] for name in columns.context})
        if columns.fits_reward_model:
            from newsletter_bandit.off_policy.logged_table.crossfit import RewardModel

            self._reward_model = RewardModel(sample, columns.context, options.folds)
        if columns.estimates_propensities:
            from newsletter_bandit.off_policy.logged_table.propensities import PropensityModel

            self._propensity_model = PropensityModel(
                sample, columns.context, columns.policy_version, options.folds
            )

    def batch(self, rows: Rows) -> LoggedBatch:
        """A batch of the same rows in the same order."""
        numbers = rows.numbers
        propensity = numbers.get("propensity")
        if self._propensity_model is not None:
            propensity = self._propensity_model.estimate(rows)
        assert propensity is not None
        expected, estimate = np.zeros(len(rows)), np.zeros(len(rows))
        if "expected_reward" in numbers:
            expected, estimate = numbers["expected_reward"], numbers["reward_estimate"]
        elif self._reward_model is not None:
            known = self._reward_model.actions
            estimates = self._reward_model.estimate(rows)
            every = np.arange(len(rows))
            if rows.actions:
                order = [known.index(action) for action in rows.actions]
                expected = (estimates[:, order] * rows.evaluation_probabilities).sum(axis=1)
            else:
                expected = estimates[every, _codes(rows.texts["evaluation_action"], known)]
            estimate = estimates[every, _codes(rows.texts["action"], known)]
        return LoggedBatch(
            reward=numbers["reward"],
            propensity=propensity,
            evaluation_probability=self.evaluation_probability(rows),
            expected_reward=expected,
            logged_estimate=estimate,
            user=hashing.users(rows) if self._with_users else None,
        )

    def evaluation_probability(self, rows: Rows) -> FloatArray:
        """pi_e(a | x) of the logged action, [n]."""
        if "evaluation_probability" in rows.numbers:
            return rows.numbers["evaluation_probability"]
        action = rows.texts["action"]
        if rows.actions:
            chosen: FloatArray = rows.evaluation_probabilities[
                np.arange(len(rows)), _codes(action, rows.actions)
            ]
            return chosen
        wanted = rows.texts["evaluation_action"]
        known = sorted({*action.unique().to_pylist(), *wanted.unique().to_pylist()})
        same: FloatArray = (_codes(action, known) == _codes(wanted, known)).astype(np.float64)
        return same


def _codes(values: pa.Array, known: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index of each value among ``known``, int64 [n]."""
    index = {name: place for place, name in enumerate(known)}
    codes, names = coded(values)
    found: npt.NDArray[np.int64] = np.array([index[str(name)] for name in names], dtype=np.int64)[codes]
    return found
