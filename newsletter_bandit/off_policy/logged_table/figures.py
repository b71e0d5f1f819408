"""Figures of some rows: their own reward, every estimator, and the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import ESTIMATORS, Estimator, LoggedBatch, logged
from newsletter_bandit.off_policy.estimators.base import MeanOfTerms, Mergeable
from newsletter_bandit.off_policy.estimators.diagnostics import MeanWeight, Weights
from newsletter_bandit.off_policy.estimators.rankings import ClickModel, RankingBatch, RankingValue
from newsletter_bandit.off_policy.logged_table.support import WeightFigures

BOOTSTRAP_SAMPLES = 500
# Names of the estimators of rankings in the literature; each also has a self-normalised version.
RANKING_NAMES: dict[ClickModel, str] = {"independent": "iips", "cascade": "rips", "standard": "sips"}


@dataclass(frozen=True)
class Measures:
    """Settings of the measurement.

    Attributes:
      reward_model: True if there are reward estimates; otherwise the estimators that need them are left out.
      weight_clip: largest weight used; None uses the weights as they are.
      reward_range: smallest and largest reward possible; None leaves it unknown.
      confidence: confidence of the two-sided intervals.
      interval: method of the intervals, one of `newsletter_bandit.off_policy.intervals.METHODS`.
      click_model: click model of rankings; None without rankings.
      slots: positions of the longest ranking.
    """

    reward_model: bool
    weight_clip: float | None
    reward_range: tuple[float, float] | None
    confidence: float
    interval: str
    click_model: ClickModel | None = None
    slots: int = 0

    @property
    def samples(self) -> int:
        """Bootstrap samples to draw."""
        return BOOTSTRAP_SAMPLES if self.interval == "bootstrap" else 0

    def estimators(self) -> dict[str, Estimator]:
        """New estimators by name, in the registry's order."""
        return {
            name: kind(self.weight_clip, self.reward_range, self.samples)
            for name, kind in ESTIMATORS.items()
            if self.reward_model or not uses_reward_model(kind)
        }


@dataclass(frozen=True)
class Value:
    """An estimate in units of reward per row; NaN and infinite if the rows cannot tell."""

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class PartFigures:
    """Figures of some rows.

    Attributes:
      logged: mean reward of the policies that logged them.
      estimates: estimator -> value of the evaluation policy.
      weights: figures of the rows' support for it.
    """

    logged: Value
    estimates: dict[str, Value]
    weights: WeightFigures


class Figures(Mergeable):
    """Running sums of `PartFigures` of rows."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._logged = logged.Estimator(None, measures.reward_range, measures.samples)
        self._estimators = measures.estimators()
        self._used = Weights(measures.weight_clip)
        self._mean_weight = MeanWeight()

    def add(self, batch: LoggedBatch) -> None:
        """Adds logged rows."""
        self._logged.add(batch)
        for estimator in self._estimators.values():
            estimator.add(batch)
        self._used.add(batch)
        self._mean_weight.add(batch)

    def merge(self, other: Figures) -> None:
        """Adds the rows of ``other``, which must measure alike."""
        self._logged.merge(other._logged)
        for name, estimator in self._estimators.items():
            estimator.merge(other._estimators[name])
        self._used.merge(other._used)
        self._mean_weight.merge(other._mean_weight)

    @property
    def rows(self) -> int:
        """Rows seen."""
        return self._used.n

    def figures(self) -> PartFigures:
        """All figures."""
        weights = weight_figures(self.rows, self._used, self._mean_weight)
        return _part(self._measures, self._logged, self._estimators, weights)


class RankingFigures(Mergeable):
    """Running sums of `PartFigures` of rankings."""

    def __init__(self, measures: Measures) -> None:
        assert measures.click_model is not None
        self._measures = measures
        self._logged = RankingValue(
            measures.slots, "standard", False, None, measures.reward_range, measures.samples
        )
        name = RANKING_NAMES[measures.click_model]
        self._estimators = {
            prefix + name: RankingValue(
                measures.slots,
                measures.click_model,
                bool(prefix),
                measures.weight_clip,
                measures.reward_range,
                measures.samples,
            )
            for prefix in ("", "sn")
        }
        self.rows = 0
        self._used = Weights(measures.weight_clip)
        self._mean_weight = MeanWeight()

    def add(self, batch: RankingBatch) -> None:
        """Adds logged rankings."""
        one = np.ones_like(batch.propensity)
        self._logged.add(RankingBatch(batch.reward, one, one, batch.user))
        for estimator in self._estimators.values():
            estimator.add(batch)
        self.rows += len(batch)
        if len(batch):
            weighted = self._weighted(batch)
            self._used.add(weighted)
            weights = weighted.weights()
            self._mean_weight.add_weights(weights, float(weights.max()), weighted)

    def merge(self, other: RankingFigures) -> None:
        """Adds the rankings of ``other``, which must measure alike."""
        self._logged.merge(other._logged)
        for name, estimator in self._estimators.items():
            estimator.merge(other._estimators[name])
        self.rows += other.rows
        self._used.merge(other._used)
        self._mean_weight.merge(other._mean_weight)

    def figures(self) -> PartFigures:
        """All figures; the weights are those of the last position, or of all if they are independent."""
        weights = weight_figures(self.rows, self._used, self._mean_weight)
        return _part(self._measures, self._logged, self._estimators, weights)

    def _weighted(self, batch: RankingBatch) -> LoggedBatch:
        propensity, evaluation = batch.propensity, np.clip(batch.evaluation_probability, 0.0, 1.0)
        user = batch.user
        if self._measures.click_model == "independent":
            user = None if user is None else np.repeat(user, propensity.shape[1])
            propensity, evaluation = propensity.ravel(), evaluation.ravel()
        else:
            # A long ranking's probability is tiny, yet never 0.
            propensity = np.maximum(propensity.prod(axis=1), np.finfo(np.float64).tiny)
            evaluation = evaluation.prod(axis=1)
        nothing = np.zeros(len(propensity))
        return LoggedBatch(nothing, propensity, evaluation, nothing, nothing, user)


def _part(
    measures: Measures,
    logging: MeanOfTerms,
    estimators: Mapping[str, MeanOfTerms],
    weights: WeightFigures,
) -> PartFigures:
    def value(estimator: MeanOfTerms) -> Value:
        estimate = estimator.estimate()
        low, high = estimator.interval(measures.confidence, measures.interval)
        if estimate.standard_error == 0.0 and measures.reward_range is None:
            # If all rows are alike, they do not show how much others could vary.
            low, high = -math.inf, math.inf
        return Value(estimate.value, estimate.standard_error, low, high)

    return PartFigures(value(logging), {name: value(each) for name, each in estimators.items()}, weights)


def weight_figures(rows: int, used: Weights, mean_weight: MeanWeight) -> WeightFigures:
    """Figures of the same weights as used and before any clip."""
    return WeightFigures(
        rows=rows,
        effective_sample_size=used.effective_sample_size,
        max_weight=used.max_unclipped,
        mean_weight=mean_weight.mean,
        mean_weight_reach=mean_weight.reach,
        top_share=used.top_share,
        clipped_share=used.clipped_share,
    )


_Batch = TypeVar("_Batch", LoggedBatch, RankingBatch)


def take(batch: _Batch, rows: npt.NDArray[Any]) -> _Batch:
    """Some rows of a batch, by index or mask."""
    kept: dict[str, Any] = {}
    for each in fields(batch):
        value = getattr(batch, each.name)
        kept[each.name] = None if value is None else value[rows]
    return type(batch)(**kept)


@cache
def uses_reward_model(kind: type[Estimator]) -> bool:
    """True if an estimator depends on the reward estimates, and so says nothing without them."""
    one = np.ones(2)

    def value(estimate: float) -> float:
        estimator = kind()
        estimator.add(LoggedBatch(np.array([0.0, 1.0]), one, one, one * 2.0 * estimate, one * estimate))
        return estimator.estimate().value

    return value(0.0) != value(1.0)
