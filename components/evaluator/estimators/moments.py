"""Running mean, covariance and third moments of vectors, centred, so that no digits are lost and parts merge in any order.

See "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" by Chan, Golub and LeVeque
(1979), equations 2.1, and "Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order
Statistical Moments" by Pebay (2008), equations 2.2, for the third.
"""

from __future__ import annotations

from itertools import combinations_with_replacement, permutations
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class Moments:
    """Count, mean and centred second and third moments of rows in R^d.

    Attributes:
      count: number of rows.
      mean: [d], their mean; zeros while there is none.
      scatter: [d, d], sum of c c^T with c = row - mean.
      third: [d, d, d], sum of c x c x c.
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self.mean: FloatArray = np.zeros(dimensions)
        self.scatter: FloatArray = np.zeros((dimensions, dimensions))
        self.third: FloatArray = np.zeros((dimensions, dimensions, dimensions))

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Adds rows [n, d]."""
        if not len(rows):
            return
        # By column: one after another in memory, and each product of two or three only once.
        columns = np.asarray(rows.T, dtype=np.float64, order="C")
        mean = columns.mean(axis=1)
        centred = columns - mean[:, None]
        scatter, third = np.empty_like(self.scatter), np.empty_like(self.third)
        for i, j in combinations_with_replacement(range(len(mean)), 2):
            product = centred[i] * centred[j]
            scatter[i, j] = scatter[j, i] = product.sum()
            for k in range(j, len(mean)):
                value = product @ centred[k]
                for place in set(permutations((i, j, k))):
                    third[place] = value
        self._combine(len(rows), mean, scatter, third)

    def merge(self, other: Moments) -> None:
        """Adds the rows that ``other`` has seen."""
        if other.count:
            self._combine(other.count, other.mean, other.scatter, other.third)

    def _combine(self, count: int, mean: FloatArray, scatter: FloatArray, third: FloatArray) -> None:
        total = self.count + count
        shift = mean - self.mean
        here, there = self.count / total, count / total
        # What the shift of the two means adds to the third moments, once for each place of the shift.
        skew = np.multiply.outer(shift, here * scatter - there * self.scatter)
        skew = skew + skew.transpose(1, 0, 2) + skew.transpose(1, 2, 0)
        cube = np.multiply.outer(np.outer(shift, shift), shift) * (self.count * there * (here - there))
        self.third = self.third + third + skew + cube
        self.scatter = self.scatter + scatter + np.outer(shift, shift) * (self.count * there)
        self.mean = self.mean + shift * there
        self.count = total
