"""The statistics from which an interval is computed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Summary:
    """An estimate and the distribution of the rows' influences on it.

    An estimate is a function of means over rows. To first order row i moves it by d_i / n, with d_i the row's
    influence and mean(d_i) = 0; for a plain mean of terms t_i, d_i = t_i - mean(t).

    Attributes:
      n: rows.
      value: the estimate.
      squares: sum of d_i^2.
      cubes: sum of d_i^3.
      low, high: influence of the row with the largest importance weight, with the smallest and the largest
        possible reward; NaN if the range of the reward is unknown.
      bounds: range of the terms of a plain mean; None for other estimates or where it is unknown.
      limits: range of the truth, which no bound leaves; None where it is unknown.
      replicates: the estimate on each bootstrap sample of users; None without a bootstrap.
    """

    n: int
    value: float
    squares: float
    cubes: float
    low: float = math.nan
    high: float = math.nan
    bounds: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None
    replicates: npt.NDArray[np.float64] | None = None

    @property
    def standard_error(self) -> float:
        """Standard error of the value; NaN below two rows."""
        if self.n < 2:
            return math.nan
        return math.sqrt(max(self.squares, 0.0) / (self.n * (self.n - 1)))

    def reflected(self) -> Summary:
        """Summary of the estimate times -1."""
        return replace(
            self,
            value=-self.value,
            cubes=-self.cubes,
            low=-self.high,
            high=-self.low,
            bounds=_reflected(self.bounds),
            limits=_reflected(self.limits),
            replicates=None if self.replicates is None else -self.replicates,
        )


def _reflected(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if ends is None else (-ends[1], -ends[0])
