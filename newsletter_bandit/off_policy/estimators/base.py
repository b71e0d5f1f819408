"""The record of logged rows, and the base classes of the estimators."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy import intervals
from newsletter_bandit.off_policy.estimators.clusters import UserSums
from newsletter_bandit.off_policy.estimators.moments import FloatArray, Moments
from newsletter_bandit.off_policy.estimators.resampling import Resamples, Users
from newsletter_bandit.off_policy.intervals import Interval, Summary
from serving.propensity import ROUNDING, is_propensity

RewardRange = tuple[float, float]


class Estimate(NamedTuple):
    """Value of a policy in units of reward per row.

    Attributes:
      value: NaN where no row was seen (for SNIPS: where every weight is 0).
      standard_error: standard error of ``value``; NaN below two rows.
      n: number of rows behind it.
    """

    value: float
    standard_error: float
    n: int


def normal_interval(estimate: Estimate, confidence: float) -> Interval:
    """Two-sided normal approximation, value -/+ z standard errors with z the (1 + confidence) / 2 quantile.

    Raises:
      ValueError: ``confidence`` is outside (0, 1).
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: found {confidence}; allowed: more than 0 and less than 1")
    if math.isnan(estimate.value) or math.isnan(estimate.standard_error):
        return Interval(-math.inf, math.inf)
    reach = NormalDist().inv_cdf((1.0 + confidence) / 2.0) * estimate.standard_error
    return Interval(estimate.value - reach, estimate.value + reach)


def is_probability(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Which values are in [0, 1], up to `ROUNDING`; NaN is not."""
    inside: npt.NDArray[np.bool_] = (values >= -ROUNDING) & (values <= 1.0 + ROUNDING)
    return inside


_NUMBERS = ("reward", "propensity", "evaluation_probability", "expected_reward", "logged_estimate")


@dataclass(frozen=True, eq=False)
class LoggedBatch(Users):
    """Logged rows seen by one evaluation policy; every field but the last is float64 [n].

    Attributes:
      reward: r_i, finite.
      propensity: p_i = pi_b(a_i | x_i) in (0, 1], `pscore` elsewhere. Rows of several logging policies may
        stand in one batch, each with the propensity under its own.
      evaluation_probability: pi_e(a_i | x_i) in [0, 1].
      expected_reward: sum over a of pi_e(a | x_i) q(x_i, a), finite.
      logged_estimate: q(x_i, a_i), finite.
      user: uint64 [n], a hash of the user, for intervals that know which rows are one user's; None where each
        row is a user of its own.

    Raises:
      DataError: a field has another length or a value outside its range; names field, row and value.
    """

    reward: FloatArray
    propensity: FloatArray
    evaluation_probability: FloatArray
    expected_reward: FloatArray
    logged_estimate: FloatArray
    user: npt.NDArray[np.uint64] | None = None

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            # A column of a table is read many times, so its values are laid out one after another once.
            values = np.asarray(getattr(self, name), dtype=np.float64, order="C")
            object.__setattr__(self, name, values)
            if values.ndim != 1 or len(values) != len(self.reward):
                raise DataError(
                    f"logged rows: {name} has shape {values.shape}; allowed: [{self.reward.size}]"
                )
            self._check(name, np.isfinite, "a finite number")
        if self.user is not None and self.user.shape != self.reward.shape:
            raise DataError(f"logged rows: user has shape {self.user.shape}; allowed: [{self.reward.size}]")
        self._check("propensity", is_propensity, "(0, 1]")
        self._check("evaluation_probability", is_probability, "[0, 1]")

    def __len__(self) -> int:
        return len(self.reward)

    def weights(self, clip: float | None = None) -> FloatArray:
        """Importance weights pi_e(a_i | x_i) / p_i, float64 [n], at most ``clip``; computed once."""
        # Not a field, because a cache is not part of the record.
        known: dict[float | None, FloatArray] = self.__dict__.setdefault("_weights", {})
        if clip not in known:
            if clip is None:
                known[clip] = np.clip(self.evaluation_probability, 0.0, 1.0) / self.propensity
            else:
                known[clip] = np.minimum(self.weights(), clip)
        return known[clip]

    def heaviest(self, reward: float) -> LoggedBatch:
        """The rows with the largest weight, with another reward; needs at least one row."""
        known: dict[float, LoggedBatch] = self.__dict__.setdefault("_heaviest", {})
        if reward not in known:
            known[reward] = self.rows(equal_largest(self.weights()), reward)
        return known[reward]

    def rows(self, index: npt.NDArray[np.int64], reward: float) -> LoggedBatch:
        """A batch of some of the rows, with another reward."""
        one = {name: getattr(self, name)[index] for name in _NUMBERS}
        one["reward"] = np.full(len(index), reward)
        # The fields were checked as part of this batch.
        made = object.__new__(LoggedBatch)
        for name, value in one.items():
            object.__setattr__(made, name, value)
        object.__setattr__(made, "user", None)
        return made

    def _check(self, name: str, inside: Callable[[Any], Any], allowed: str) -> None:
        values = getattr(self, name)
        # Each range is an interval, so that both ends tell of all; those of rows that hold a NaN are NaN.
        if not len(values) or inside(np.array([values.min(), values.max()])).all():
            return
        row = int(np.argmin(inside(values)))
        raise DataError(f"logged rows: {name} of row {row} is {values[row]:g}; allowed: {allowed}")


_Self = TypeVar("_Self", bound="Mergeable")


class Mergeable(ABC):
    """Running sums over rows; parts that saw different rows add up to one that saw all of them."""

    @abstractmethod
    def merge(self: _Self, other: _Self) -> None:
        """Adds the rows that ``other`` has seen; ``other`` stays as it is."""

    def __add__(self: _Self, other: _Self) -> _Self:
        total = copy.deepcopy(self)
        total.merge(other)
        return total


class Extremes(Mergeable):
    """Contributions of the row with the largest weight at the smallest and the largest reward.

    Attributes:
      weight: weight of that row, before any clip; -inf while there is none.
      low, high: [d], terms of that row.
    """

    def __init__(self, dimensions: int) -> None:
        self.weight = -math.inf
        self.low: FloatArray = np.full(dimensions, math.nan)
        self.high: FloatArray = np.full(dimensions, math.nan)

    def add(self, weight: float, low: FloatArray, high: FloatArray) -> None:
        """Adds one more row; of equal weights, the one with the wider terms is kept, in any order."""
        if (weight, *(high - low), *high) > (self.weight, *(self.high - self.low), *self.high):
            self.weight, self.low, self.high = weight, low, high

    def add_equals(self, weight: float, low: FloatArray, high: FloatArray) -> None:
        """Adds at least one row [m, d], all of equal weight."""
        # Of the rows that lead by one key those that lead by the next, as `add` compares.
        leading = np.arange(len(high))
        if len(high) > 1:
            for key in (*(high - low).T, *high.T):
                leading = leading[equal_largest(key[leading])]
        self.add(weight, low[leading[-1]], high[leading[-1]])

    def merge(self, other: Extremes) -> None:
        """Adds the rows of ``other``."""
        self.add(other.weight, other.low, other.high)


class MeanOfTerms(Mergeable):
    """An estimate that is a function of the means of a few terms per row, with its intervals.

    Args:
      dimensions: number d of terms per row.
      weight_clip: largest weight used, more than 0; None uses the weights as they are.
      reward_range: smallest and largest possible reward; None where it is unknown, which costs the methods
        that need it (`intervals`) their bounds, and the default one its care for rewards that are too rare to
        have been seen.
      samples: bootstrap samples of users to sum up.
    """

    def __init__(
        self,
        dimensions: int,
        weight_clip: float | None = None,
        reward_range: RewardRange | None = None,
        samples: int = 0,
    ) -> None:
        check_clip(weight_clip)
        if reward_range is not None and not reward_range[0] < reward_range[1]:
            raise ValueError(f"reward_range: found {reward_range}; allowed: low < high")
        self.weight_clip = weight_clip
        self.reward_range = reward_range
        self._moments = Moments(dimensions)
        self._extremes = Extremes(dimensions)
        self._resamples = Resamples(samples, dimensions)
        self._users = UserSums(dimensions)

    def merge(self, other: MeanOfTerms) -> None:
        """Adds the rows of ``other``; both must be of one kind and have been made alike."""
        mine, theirs = self._made_alike(), other._made_alike()
        if type(other) is not type(self) or mine != theirs:
            raise ValueError(
                f"{type(self).__module__}: found {theirs}; allowed: to merge with one that was made as {mine}"
            )
        self._moments.merge(other._moments)
        self._extremes.merge(other._extremes)
        self._resamples.merge(other._resamples)
        self._users.merge(other._users)

    def estimate(self) -> Estimate:
        """The value with its standard error, which is that of the mean of the rows' influences."""
        summary = self.summary()
        return Estimate(summary.value, summary.standard_error, summary.n)

    def interval(self, confidence: float = 0.95, method: str = intervals.DEFAULT) -> Interval:
        """Two-sided interval by a method of `intervals.METHODS`."""
        return intervals.interval(self.summary(), confidence, method)

    def lower_bound(self, confidence: float = 0.95, method: str = intervals.DEFAULT) -> float:
        """Lower bound (one-sided): the truth is above it with probability ``confidence``; may be -inf."""
        return intervals.lower(self.summary(), confidence, method)

    def upper_bound(self, confidence: float = 0.95, method: str = intervals.DEFAULT) -> float:
        """Upper bound (one-sided): the truth is below it with probability ``confidence``; may be inf."""
        return intervals.upper(self.summary(), confidence, method)

    def summary(self) -> Summary:
        """The statistics from which intervals are computed."""
        n, mean = self._moments.count, self._moments.mean
        if n == 0:
            return Summary(0, math.nan, math.nan, math.nan)
        value, slope = self._solve(mean)
        squares, cubes = self._spread(mean, slope)
        low, high = self._reach(mean, slope)
        return Summary(
            n=n,
            value=value,
            squares=squares,
            cubes=cubes,
            low=low,
            high=high,
            bounds=self._bounds(),
            limits=self._limits(),
            replicates=self._replicates(),
        )

    def _spread(self, mean: FloatArray, slope: FloatArray) -> tuple[float, float]:
        """Second and third moment of the sum of the rows' influences.

        Rows of one user count together where that is more; where each user has one row, the rows themselves
        are the surer sample of the two.
        """
        squares = float(slope @ self._moments.scatter @ slope)
        cubes = float(((self._moments.third @ slope) @ slope) @ slope)
        if not self._users.rows:
            return squares, cubes
        if self._users.rows != self._moments.count:
            raise ValueError(
                f"{self._users.rows} of {self._moments.count} rows have a user; allowed: all of them, or none"
            )
        return max((squares, cubes), self._users.moments(mean, slope))

    def _reach(self, mean: FloatArray, slope: FloatArray) -> tuple[float, float]:
        """Least and largest influence of one further row; NaN if the range of the reward is unknown."""
        return float(slope @ (self._extremes.low - mean)), float(slope @ (self._extremes.high - mean))

    def _solve(self, mean: FloatArray) -> tuple[float, FloatArray]:
        """The estimate from the means of the terms [d], and its derivative by each of them [d]."""
        return float(mean[0]), np.ones(1)

    def _bounds(self) -> tuple[float, float] | None:
        """Range of a term, for a plain mean whose range is known."""
        return None

    def _limits(self) -> tuple[float, float] | None:
        """Range of what is estimated; None where it is unknown."""
        return self.reward_range

    def _made_alike(self) -> tuple[object, ...]:
        return self.weight_clip, self.reward_range, len(self._resamples.count)

    def _replicates(self) -> FloatArray | None:
        count, total = self._resamples.count, self._resamples.total
        if not len(count):
            return None
        means = total / np.where(count > 0, count, math.nan)[:, None]
        return np.array([self._solve(mean)[0] if np.isfinite(mean).all() else math.nan for mean in means])

    def _add(self, terms: FloatArray, rows: Users) -> None:
        """Adds the terms [n, dimensions] of the rows."""
        self._moments.add(terms)
        group = rows.groups()
        if group is not None:
            self._users.add(terms, group)
        samples = len(self._resamples.count)
        if samples:
            self._resamples.add_drawn(terms, rows.draws(samples))


class Estimator(MeanOfTerms):
    """Value of an evaluation policy from logged rows.

    A clipped weight trades variance for bias; `diagnostics.Weights` tells how many rows it touches. The
    arguments are those of `MeanOfTerms`.
    """

    dimensions = 1

    def __init__(
        self,
        weight_clip: float | None = None,
        reward_range: RewardRange | None = None,
        samples: int = 0,
    ) -> None:
        super().__init__(self.dimensions, weight_clip, reward_range, samples)

    @abstractmethod
    def terms(self, batch: LoggedBatch) -> FloatArray:
        """The terms that each row contributes: float64 [n] or [n, dimensions]."""

    def add(self, batch: LoggedBatch) -> None:
        """Adds logged rows.

        Raises:
          DataError: bootstrap samples are drawn and the batch has no users.
        """
        if not len(batch):
            return
        self._add(self._rows(batch), batch)
        if self.reward_range is not None:
            low, high = (batch.heaviest(reward) for reward in self.reward_range)
            self._extremes.add_equals(float(low.weights()[0]), self._rows(low), self._rows(high))

    def _rows(self, batch: LoggedBatch) -> FloatArray:
        return self.terms(batch).reshape(len(batch), self.dimensions)

    def _largest_weight(self) -> float:
        """Largest weight in use: the clip, or the largest seen weight if there is no clip."""
        seen = max(self._extremes.weight, 0.0)
        return seen if self.weight_clip is None else self.weight_clip


def equal_largest(values: FloatArray) -> npt.NDArray[np.int64]:
    """Indices of all rows with the largest value, of at least one row.

    A uniform log is full of ties. If only the first row counted, figures would depend on the rows' order.
    """
    # So that a value that is not a number, which a weight beyond all numbers makes, leaves a row as well.
    return np.flatnonzero(~(values < values.max()))


def check_clip(weight_clip: float | None) -> None:
    """Raises ValueError unless ``weight_clip`` is None or more than 0."""
    if weight_clip is not None and not weight_clip > 0:
        raise ValueError(f"weight_clip: found {weight_clip}; allowed: more than 0, or None")
