"""Running mean and covariance of vectors, centred, so that no digits are lost and parts merge in any order.

See "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" by Chan, Golub and LeVeque
(1979), equations 2.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class Moments:
    """Count, mean and centred scatter of rows in R^d.

    Attributes:
      count: number of rows.
      mean: [d], their mean; zeros while there is none.
      scatter: [d, d], sum of (row - mean)(row - mean)^T.
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self.mean: FloatArray = np.zeros(dimensions)
        self.scatter: FloatArray = np.zeros((dimensions, dimensions))

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Adds rows [n, d]."""
        if not len(rows):
            return
        mean = rows.mean(axis=0, dtype=np.float64)
        centred = rows - mean
        self._combine(len(rows), mean, centred.T @ centred)

    def merge(self, other: Moments) -> None:
        """Adds the rows that ``other`` has seen."""
        if other.count:
            self._combine(other.count, other.mean, other.scatter)

    def _combine(self, count: int, mean: FloatArray, scatter: FloatArray) -> None:
        total = self.count + count
        shift = mean - self.mean
        self.scatter = self.scatter + scatter + np.outer(shift, shift) * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total
