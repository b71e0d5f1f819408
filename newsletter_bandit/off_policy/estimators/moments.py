"""Running mean, covariance and third moments of vectors, centred, so that no digits are lost and parts merge
in any order.

See "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" by Chan, Golub and LeVeque
(1979), equations 2.1, and "Formulas for Robust, One-Pass Parallel Computation of Covariances and
Arbitrary-Order Statistical Moments" by Pebay (2008), equations 2.2, for the third.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations_with_replacement, product
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
        # By column: values lie one after another in memory, and each product is made only once.
        columns = np.asarray(rows.T, dtype=np.float64, order="C")
        mean = np.add.reduce(columns, axis=1) / len(rows)
        centred = columns - mean[:, None]
        pairs, triples = [], []
        for i, left in enumerate(centred):
            for j, right in enumerate(centred[i:], i):
                both = left * right
                pairs.append(np.add.reduce(both))
                triples += [both @ last for last in centred[j:]]
        scatter, third = (
            np.array(found)[_places(len(mean), order)] for order, found in ((2, pairs), (3, triples))
        )
        self._combine(len(rows), mean, scatter, third)

    def merge(self, other: Moments) -> None:
        """Adds the rows that ``other`` has seen."""
        if other.count:
            self._combine(other.count, other.mean, other.scatter, other.third)

    def _combine(self, count: int, mean: FloatArray, scatter: FloatArray, third: FloatArray) -> None:
        total = self.count + count
        shift = mean - self.mean
        here, there = self.count / total, count / total
        square = shift[:, None] * shift
        # What the shift of the two means adds to the third moments, once for each place of the shift.
        skew = shift[:, None, None] * (here * scatter - there * self.scatter)
        skew = skew + skew.transpose(1, 0, 2) + skew.transpose(1, 2, 0)
        cube = square[:, :, None] * shift * (self.count * there * (here - there))
        self.third = self.third + third + skew + cube
        self.scatter = self.scatter + scatter + square * (self.count * there)
        self.mean = self.mean + shift * there
        self.count = total


@cache
def _places(dimensions: int, order: int) -> npt.NDArray[np.int64]:
    """[dimensions] * order, for each product of ``order`` columns its number among the different ones, in
    their order.
    """
    number = {each: n for n, each in enumerate(combinations_with_replacement(range(dimensions), order))}
    places = [number[tuple(sorted(each))] for each in product(range(dimensions), repeat=order)]
    return np.array(places, dtype=np.int64).reshape((dimensions,) * order)
