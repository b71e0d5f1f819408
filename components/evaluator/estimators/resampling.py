"""Bootstrap samples of users in one pass: each user is in each sample as often as a Poisson(1) draw says.

The draw is a hash of user and sample, so all rows of a user count alike, whichever part of the data they are in, parts
merge, and a rerun repeats the samples.

See "Estimating Uncertainty for Massive Data Streams" by
Chamandy, Muralidharan, Najmi and Naidu (2012), and "Creating non-parametric bootstrap samples using Poisson
frequencies" by Hanley and MacGibbon (2006).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from components.evaluator.estimators.moments import FloatArray

# P(Poisson(1) <= k), k = 0 .. 12; beyond 12 lies less than 1e-10.
_CUMULATIVE = np.cumsum([math.exp(-1.0) / math.factorial(k) for k in range(13)])
_ODD = np.uint64(0x9E3779B97F4A7C15)
_ROWS = 4096  # rows worked on at a time; bounds the memory of the [rows, samples] arrays


class Resamples:
    """Sums of terms over bootstrap samples.

    Args:
      samples: their number B.
      dimensions: length of a row's terms.

    Attributes:
      count: [B], rows in each sample.
      total: [B, dimensions], sums of their terms.
    """

    def __init__(self, samples: int, dimensions: int) -> None:
        self.count: FloatArray = np.zeros(samples)
        self.total: FloatArray = np.zeros((samples, dimensions))

    def add(self, terms: FloatArray, user: npt.NDArray[np.uint64]) -> None:
        """Adds rows [n, dimensions] of users, given as hashes uint64 [n]."""
        for start in range(0, len(terms), _ROWS):
            rows = slice(start, start + _ROWS)
            copies = poisson(user[rows], len(self.count))
            self.count = self.count + copies.sum(axis=0)
            self.total = self.total + copies.T @ terms[rows]

    def merge(self, other: Resamples) -> None:
        """Adds the rows of ``other``."""
        self.count = self.count + other.count
        self.total = self.total + other.total


def poisson(user: npt.NDArray[np.uint64], samples: int) -> FloatArray:
    """Poisson(1) draws [n, samples], the same for the same user and sample."""
    with np.errstate(over="ignore"):
        state = user[:, None] + _ODD * np.arange(1, samples + 1, dtype=np.uint64)
        # The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    uniform = ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    copies: FloatArray = np.searchsorted(_CUMULATIVE, uniform, side="right").astype(np.float64)
    return copies
