"""Bootstrap samples of users in one pass: a Poisson(1) draw says how often each user is in each sample.

The draw is a hash of user and sample. So all rows of a user count alike, whichever part of the data they are
in; parts merge; and a rerun repeats the samples.

See "Estimating Uncertainty for Massive Data Streams" by
Chamandy, Muralidharan, Najmi and Naidu (2012), and "Creating non-parametric bootstrap samples using Poisson
frequencies" by Hanley and MacGibbon (2006).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.estimators.clusters import groups
from newsletter_bandit.off_policy.estimators.moments import FloatArray

# P(Poisson(1) <= k), k = 0 .. 12; beyond 12 lies less than 1e-10.
_CUMULATIVE = np.cumsum([math.exp(-1.0) / math.factorial(k) for k in range(13)])
_ODD = np.uint64(0x9E3779B97F4A7C15)
_ROWS = 512  # Rows processed at a time; bounds the memory of the [rows, samples] arrays.
# The draw of a uniform number by its first bits, or `_UNSURE` if the other bits decide.
_BITS, _UNSURE = 12, 255
_FIRST, _LAST = (
    np.searchsorted(_CUMULATIVE, np.arange(1 << _BITS) / (1 << _BITS) + end, side="right")
    for end in (0.0, 2.0**-_BITS - 2.0**-53)
)
_DRAWS = np.where(_FIRST == _LAST, _FIRST, _UNSURE).astype(np.uint8)

Draws = npt.NDArray[np.uint8]


class Users:
    """Rows that belong to users, with the users' draws, made once for all estimators.

    Attributes:
      user: uint64 [n], a hash of each row's user; None if no users are known.
    """

    user: npt.NDArray[np.uint64] | None

    def __init__(self, user: npt.NDArray[np.uint64] | None) -> None:
        self.user = user

    def draws(self, samples: int) -> Draws:
        """Count of each row in each sample, uint8 [n, samples].

        Raises:
          DataError: no users are known.
        """
        if self.user is None:
            raise DataError("logged rows: no user; allowed with bootstrap samples: a hash of each row's user")
        # Not a field, because a cache is not part of the record.
        known: dict[int, Draws] = self.__dict__.setdefault("_draws", {})
        if samples not in known:
            known[samples] = poisson(self.user, samples)
        return known[samples]

    def groups(self) -> npt.NDArray[np.int64] | None:
        """Group of each row's user, int64 [n], made once; None if no users are known."""
        if self.user is None:
            return None
        found: npt.NDArray[np.int64] | None = self.__dict__.get("_groups")
        if found is None:
            found = self.__dict__["_groups"] = groups(self.user)
        return found


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
        self.add_drawn(terms, poisson(user, len(self.count)))

    def add_drawn(self, terms: FloatArray, draws: Draws) -> None:
        """Adds rows [n, dimensions], each as often as `poisson` [n, B] says of its user."""
        summed = np.concatenate([terms, np.ones((len(terms), 1))], axis=1)
        for start in range(0, len(terms), _ROWS):
            rows = slice(start, start + _ROWS)
            sums = draws[rows].astype(np.float64).T @ summed[rows]
            self.count = self.count + sums[:, -1]
            self.total = self.total + sums[:, :-1]

    def merge(self, other: Resamples) -> None:
        """Adds the rows of ``other``."""
        self.count = self.count + other.count
        self.total = self.total + other.total


def poisson(user: npt.NDArray[np.uint64], samples: int) -> Draws:
    """Poisson(1) draws [n, samples], the same for the same user and sample."""
    found = np.empty((len(user), samples), dtype=np.uint8)
    with np.errstate(over="ignore"):
        step = _ODD * np.arange(1, samples + 1, dtype=np.uint64)
        for start in range(0, len(user), _ROWS):
            rows = slice(start, start + _ROWS)
            state = user[rows, None] + step
            # The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
            state ^= state >> np.uint64(30)
            state *= np.uint64(0xBF58476D1CE4E5B9)
            state ^= state >> np.uint64(27)
            state *= np.uint64(0x94D049BB133111EB)
            state ^= state >> np.uint64(31)
            drawn = _DRAWS[state >> np.uint64(64 - _BITS)]
            unsure = drawn == _UNSURE
            uniform = (state[unsure] >> np.uint64(11)).astype(np.float64) * 2.0**-53
            drawn[unsure] = np.searchsorted(_CUMULATIVE, uniform, side="right")
            found[rows] = drawn
    return found
