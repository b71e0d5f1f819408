"""How heavy the tail of an outcome is: which share of its sum a hundredth of the rows carries.

Magnitudes are counted in bins that are 4.4% wide, so parts merge.
"""

from __future__ import annotations

import math

import numpy as np

from newsletter_bandit.off_policy.estimators.base import Mergeable
from newsletter_bandit.off_policy.estimators.moments import FloatArray

# From 2^-40 to 2^40; what is smaller, 0 included, and what is larger have a bin of their own.
_BINS_PER_OCTAVE, _OCTAVES = 16, 40
TOP = 0.01


class Tail(Mergeable):
    """Running sums of an outcome by its magnitude."""

    def __init__(self) -> None:
        self._sum = 0.0
        # Rows, and the sum of their magnitudes, by bin.
        self._bins: FloatArray = np.zeros((2, 2 * _OCTAVES * _BINS_PER_OCTAVE + 2))

    def add(self, values: FloatArray) -> None:
        """Adds rows, finite, [n]."""
        self._sum += float(values.sum())
        size, magnitudes = self._bins.shape[1], np.abs(values)
        with np.errstate(divide="ignore"):
            place = (np.log2(magnitudes) + _OCTAVES) * _BINS_PER_OCTAVE
        index = np.clip(place, -1, size - 2).astype(np.int64) + 1
        self._bins += [np.bincount(index, minlength=size), np.bincount(index, magnitudes, minlength=size)]

    def merge(self, other: Tail) -> None:
        """Adds the rows of ``other``."""
        self._sum += other._sum
        self._bins = self._bins + other._bins

    @property
    def mean(self) -> float:
        """Mean of the rows; NaN without any."""
        rows = self._bins[0].sum()
        return float(self._sum / rows) if rows else math.nan

    @property
    def top_share(self) -> float:
        """Share of the sum of magnitudes that the largest 1% of the rows carry, in [0, 1]; NaN without any.

        It is exact except for the bin of the cut, whose rows count as alike.
        """
        counts, sums = self._bins[:, ::-1]
        if not sums.sum():
            return math.nan
        taken = np.clip(TOP * counts.sum() - (np.cumsum(counts) - counts), 0.0, counts)
        shares = np.divide(taken, counts, out=np.zeros_like(counts), where=counts > 0)
        return float((sums * shares).sum() / sums.sum())

    @property
    def high(self) -> float:
        """The magnitude that a hundredth of the values other than 0 exceed, to a bin's width; NaN where all
        are 0.
        """
        counts, sums = self._bins[:, 1:]
        if not counts.sum():
            return math.nan
        at = int(np.searchsorted(np.cumsum(counts), (1.0 - TOP) * counts.sum()))
        return float(sums[at] / counts[at])
