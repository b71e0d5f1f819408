"""Sums of terms by user, for intervals that stay right when a user stands in the log several times.

Rows of one user are alike, so they say less than as many rows of different users. The users are hashed into a
fixed number of groups, and only the groups' sums are kept: all rows of a user are in one group, users are
independent, and so are the groups. With S_g the sum of the influences d_i of a group's rows,

    variance of the sum of all d_i   = sum_g S_g^2
    third moment of that sum         = sum_g S_g^3

Both add up over users, whatever the groups. The estimate of the variance is itself uncertain by a share of
sqrt(2 / groups), 4%. The sums merge in any order and do not grow with the log.

See "Estimating Uncertainty for Massive Data Streams" by Chamandy, Muralidharan, Najmi and Naidu (2012) and,
for variances from a few groups, "Introduction to Variance Estimation" by Wolter (2007), section 4.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators.moments import FloatArray

GROUPS = 1024


class UserSums:
    """Number of rows and sum of their terms for each group of users.

    Args:
      dimensions: number d of terms per row.

    Attributes:
      count: [GROUPS], rows.
      total: [GROUPS, d], sums of their terms.
    """

    def __init__(self, dimensions: int) -> None:
        self.count: FloatArray = np.zeros(GROUPS)
        self.total: FloatArray = np.zeros((GROUPS, dimensions))

    def add(self, terms: FloatArray, group: npt.NDArray[np.int64]) -> None:
        """Adds rows [n, d], each of a user of the given group [n]."""
        self.count += np.bincount(group, minlength=GROUPS)
        for column, values in enumerate(terms.T):
            self.total[:, column] += np.bincount(group, values, minlength=GROUPS)

    def merge(self, other: UserSums) -> None:
        """Adds the rows of ``other``."""
        self.count = self.count + other.count
        self.total = self.total + other.total

    @property
    def rows(self) -> int:
        """Rows that belong to a known user."""
        return int(self.count.sum())

    def moments(self, mean: FloatArray, slope: FloatArray) -> tuple[float, float]:
        """Second and third moment of the sum of the influences ``slope`` . (terms - ``mean``)."""
        influence = (self.total - self.count[:, None] * mean) @ slope
        return float(influence @ influence), float((influence**2) @ influence)


def groups(user: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Group of each user, given as hashes [n]; int64 [n], 0 to `GROUPS` - 1."""
    found: npt.NDArray[np.int64] = (user % np.uint64(GROUPS)).astype(np.int64)
    return found
