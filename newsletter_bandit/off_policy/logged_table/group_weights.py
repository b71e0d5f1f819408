"""Mean weights of the rows that share a value of a column.

Weights that average 1 over all rows may average 2 in one group and 0 in another: a rule that looks at a
column, logged with each action's share of all rows, does just that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from newsletter_bandit.checks import Check
from newsletter_bandit.off_policy.checks import PartWeight, mean_weights
from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.estimators.diagnostics import MeanWeight
from newsletter_bandit.off_policy.estimators.resampling import Users
from newsletter_bandit.off_policy.logged_table.overlap import groups

# A column of more values is a number, or an identifier.
_MOST_VALUES = 200


class GroupWeights:
    """Running mean weights, overall and by value of some columns.

    Args:
      columns: their names.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._overall = MeanWeight()
        self._groups: dict[str, dict[str, MeanWeight]] = {column: {} for column in columns}

    def add(self, labels: Mapping[str, pa.Array], batch: LoggedBatch) -> None:
        """Adds rows with the labels of each."""
        if not len(batch):
            return
        self._overall.add(batch)
        weights = batch.weights()
        for column, known in list(self._groups.items()):
            for value, index in groups(labels[column]):
                found = known.setdefault("(empty)" if value is None else value, MeanWeight())
                user = None if batch.user is None else batch.user[index]
                found.add_weights(weights[index], 1.0 / float(batch.propensity[index].min()), Users(user))
            if len(known) > _MOST_VALUES:
                del self._groups[column]

    def check(self, min_rows: int, tolerance: float) -> Check:
        """The mean weight of all rows, and of each group of at least ``min_rows`` rows, must be 1."""
        parts = {"": self._overall}
        for column, known in self._groups.items():
            parts |= {f"{column}={value}": found for value, found in sorted(known.items())}
        return mean_weights(
            [
                PartWeight(name, found.mean, found.reach)
                for name, found in parts.items()
                if found is self._overall or found.estimate().n >= min_rows
            ],
            tolerance,
        )
