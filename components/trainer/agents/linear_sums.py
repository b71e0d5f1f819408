"""Sums over logged rows that a ridge regression per recommender needs, without a vector per row.

A context vector is (numbers, one-hot strings, 1). Its one-hot part is never made: rows are sorted by
recommender, then

    numbers, 1 and reward against each other    one matrix product per recommender
    each string's value against those           a sparse product: a row adds its numbers at the place
                                                of its value
    two strings' values against each other      a count a pair of values

So the cost of a row depends on its numbers and strings, not on the square of the vocabularies' sizes.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse

from newsletter_bandit.errors import DataError

Floats = npt.NDArray[np.float64]


class Sums(NamedTuple):
    """Sufficient statistics of K regressions on D columns; those of two parts of the rows add up.

    Attributes:
      a: float64 [K, D, D], sum of w x x^T.
      b: float64 [K, D], sum of w r x.
      rows: float64 [K], rows that showed each recommender.
    """

    a: Floats
    b: Floats
    rows: Floats


class Adder:
    """Adds up rows, block by block.

    Args:
      recommenders: number K of recommenders.
      numbers: number P of a row's numbers.
      vocabulary_sizes: values of each of a row's C strings.
    """

    def __init__(self, recommenders: int, numbers: int, vocabulary_sizes: tuple[int, ...] = ()) -> None:
        self._numbers = numbers
        self._sizes = np.array(vocabulary_sizes, np.int64)
        self._starts = np.cumsum([0, *vocabulary_sizes])
        values = int(self._starts[-1])
        # Of (numbers, 1, reward).
        self._dense = np.zeros((recommenders, numbers + 2, numbers + 2))
        self._by_value = np.zeros((recommenders * values, numbers + 2))
        self._pairs = {
            (i, j): np.zeros(recommenders * vocabulary_sizes[i] * vocabulary_sizes[j])
            for i, j in combinations(range(len(vocabulary_sizes)), 2)
        }
        self._rows = np.zeros(recommenders)

    def add(
        self,
        numbers: npt.NDArray[np.float32],
        strings: npt.NDArray[Any],
        action: npt.NDArray[Any],
        weight: npt.NDArray[np.float32],
        reward: npt.NDArray[np.float32],
    ) -> None:
        """Adds n rows.

        Args:
          numbers: [n, P].
          strings: whole numbers [n, C], each string's index in its vocabulary.
          action: whole numbers [n], the recommender; rows of a negative one, which is unknown, are left out.
          weight: [n], w.
          reward: [n], r.

        Raises:
          DataError: an index is out of range.
        """
        recommenders = len(self._rows)
        if len(action) and int(action.max()) >= recommenders:
            raise DataError(f"training split: found action {action.max()}; allowed: below {recommenders}")
        # The smallest type, because its sort is by radix.
        arm = action.astype(np.min_scalar_type(-max(recommenders, 2)))
        order = np.argsort(arm, kind="stable")
        ends = np.searchsorted(arm[order], np.arange(recommenders + 1))
        order, ends = order[ends[0] :], ends - ends[0]
        self._rows += np.diff(ends)

        root = np.sqrt(weight[order].astype(np.float64))
        rows = np.empty((len(order), self._numbers + 2))
        np.multiply(numbers.take(order, axis=0), root[:, None], out=rows[:, :-2])
        rows[:, -2] = root
        np.multiply(reward[order], root, out=rows[:, -1])
        for k in range(recommenders):
            of_arm = rows[ends[k] : ends[k + 1]]
            self._dense[k] += of_arm.T @ of_arm
        if len(self._sizes):
            self._add_strings(strings.take(order, axis=0), arm[order].astype(np.int64), root, rows)

    def _add_strings(
        self, strings: npt.NDArray[Any], arm: npt.NDArray[np.int64], root: Floats, rows: Floats
    ) -> None:
        if ((strings < 0) | (strings >= self._sizes)).any():
            raise DataError(
                f"training split: found categorical indices {strings.min(axis=0)} to {strings.max(axis=0)}; "
                f"allowed: 0 to {self._sizes - 1}"
            )
        count = len(self._sizes)
        place = (strings + (arm * self._starts[-1])[:, None] + self._starts[:-1]).ravel()
        by_value = scipy.sparse.csr_array(
            (np.repeat(root, count), place, np.arange(0, len(place) + 1, count)),
            shape=(len(rows), len(self._by_value)),
        )
        self._by_value += by_value.T @ rows
        weight = root * root
        for (i, j), total in self._pairs.items():
            pair = (arm * self._sizes[i] + strings[:, i]) * self._sizes[j] + strings[:, j]
            np.add.at(total, pair, weight)

    def total(self, scale: float = 1.0) -> Sums:
        """The sums of all rows so far, with the weights times ``scale``, on (numbers, one-hot strings, 1)."""
        recommenders, values = len(self._rows), int(self._starts[-1])
        first, last = self._numbers, self._numbers + values
        # Columns of numbers and 1, and of strings.
        plain, of_value = np.r_[:first, last], np.arange(first, last)
        by_value = self._by_value.reshape(recommenders, values, self._numbers + 2)
        a = np.zeros((recommenders, last + 1, last + 1))
        b = np.empty((recommenders, last + 1))
        a[:, plain[:, None], plain] = self._dense[:, :-1, :-1]
        a[:, first:last, plain] = by_value[:, :, :-1]
        a[:, plain, first:last] = by_value[:, :, :-1].transpose(0, 2, 1)
        a[:, of_value, of_value] = by_value[:, :, -2]
        for (i, j), total in self._pairs.items():
            block = total.reshape(recommenders, self._sizes[i], self._sizes[j])
            in_i, in_j = (slice(first + self._starts[c], first + self._starts[c + 1]) for c in (i, j))
            a[:, in_i, in_j] = block
            a[:, in_j, in_i] = block.transpose(0, 2, 1)
        b[:, plain] = self._dense[:, :-1, -1]
        b[:, first:last] = by_value[:, :, -1]
        a *= scale
        b *= scale
        return Sums(a, b, self._rows.copy())
