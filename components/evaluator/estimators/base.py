"""The record of logged rows, and what every estimator offers."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from components.evaluator.estimators.moments import FloatArray, Moments
from pipelines.errors import DataError

# Probabilities come out of float32 graphs; this much above 1 is rounding.
ROUNDING = 1e-5


class Estimate(NamedTuple):
    """Value of a policy in units of reward a row.

    Attributes:
      value: NaN where no row was seen (for SNIPS: where every weight is 0).
      standard_error: of ``value``; NaN below two rows.
      n: rows it rests on.
    """

    value: float
    standard_error: float
    n: int


class Interval(NamedTuple):
    """Two bounds; infinite where the rows say nothing."""

    low: float
    high: float


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


@dataclass(frozen=True)
class LoggedBatch:
    """Logged rows seen by one evaluation policy; every field is float64 [n].

    Attributes:
      reward: r_i, finite.
      propensity: p_i = pi_b(a_i | x_i) in (0, 1], `pscore` elsewhere.
      evaluation_probability: pi_e(a_i | x_i) in [0, 1].
      expected_reward: sum over a of pi_e(a | x_i) q(x_i, a), finite.
      logged_estimate: q(x_i, a_i), finite.

    Raises:
      DataError: a field has another length or a value outside its range; names field, row and value.
    """

    reward: FloatArray
    propensity: FloatArray
    evaluation_probability: FloatArray
    expected_reward: FloatArray
    logged_estimate: FloatArray

    def __post_init__(self) -> None:
        for field in fields(self):
            values = np.asarray(getattr(self, field.name), dtype=np.float64)
            object.__setattr__(self, field.name, values)
            if values.ndim != 1 or len(values) != len(self.reward):
                raise DataError(
                    f"logged rows: {field.name} has shape {values.shape}; allowed: [{self.reward.size}]"
                )
            self._refuse(field.name, ~np.isfinite(values), "a finite number")
        self._refuse("propensity", ~((self.propensity > 0) & (self.propensity <= 1 + ROUNDING)), "(0, 1]")
        probability = self.evaluation_probability
        outside = ~((probability >= -ROUNDING) & (probability <= 1 + ROUNDING))
        self._refuse("evaluation_probability", outside, "[0, 1]")

    def __len__(self) -> int:
        return len(self.reward)

    def weights(self, clip: float | None = None) -> FloatArray:
        """Importance weights pi_e(a_i | x_i) / p_i, float64 [n], at most ``clip``."""
        weights = np.clip(self.evaluation_probability, 0.0, 1.0) / self.propensity
        return weights if clip is None else np.minimum(weights, clip)

    def _refuse(self, name: str, outside: npt.NDArray[np.bool_], allowed: str) -> None:
        if outside.any():
            row = int(np.argmax(outside))
            found = float(getattr(self, name)[row])
            raise DataError(f"logged rows: {name} of row {row} is {found:g}; allowed: {allowed}")


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


class Estimator(Mergeable):
    """Value of an evaluation policy from logged rows.

    Args:
      weight_clip: largest weight used, more than 0; None uses the weights as they are. A clipped weight
        trades variance for bias; `diagnostics.Weights` tells how many rows it touches.
    """

    dimensions = 1

    def __init__(self, weight_clip: float | None = None) -> None:
        check_clip(weight_clip)
        self.weight_clip = weight_clip
        self._moments = Moments(self.dimensions)

    @abstractmethod
    def terms(self, batch: LoggedBatch) -> FloatArray:
        """What a row contributes: float64 [n] or [n, dimensions]."""

    def add(self, batch: LoggedBatch) -> None:
        """Adds logged rows."""
        self._moments.add(self.terms(batch).reshape(len(batch), self.dimensions))

    def merge(self, other: Estimator) -> None:
        """Adds the rows of ``other``; both must be of one kind and clip alike."""
        if type(other) is not type(self) or other.weight_clip != self.weight_clip:
            raise ValueError("estimators of different kinds or weight clips cannot be merged")
        self._moments.merge(other._moments)

    def estimate(self) -> Estimate:
        """Mean of the terms; its standard error is the sample standard deviation / sqrt(n)."""
        return mean_estimate(self._moments)

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided normal-approximation interval."""
        return normal_interval(self.estimate(), confidence)


def mean_estimate(moments: Moments) -> Estimate:
    """Mean of the first dimension with its standard error."""
    n = moments.count
    value = float(moments.mean[0]) if n else math.nan
    error = math.sqrt(float(moments.scatter[0, 0]) / (n * (n - 1))) if n > 1 else math.nan
    return Estimate(value, error, n)


def check_clip(weight_clip: float | None) -> None:
    """Raises ValueError unless ``weight_clip`` is None or more than 0."""
    if weight_clip is not None and not weight_clip > 0:
        raise ValueError(f"weight_clip: found {weight_clip}; allowed: more than 0, or None")
