"""Values of whole rankings, from logged rankings whose slots each have a reward.

A slot's reward is weighted by how much likelier the evaluation policy is to make the choices that it depends
on, which a click model names: with w_j = pi_e(a_j | x, a_<j) / p_j of slot j,

    independent   a slot's reward depends on its own item        weight w_j                (IIPS)
    cascade       ... and on those above it, seen before it      weight w_1 w_2 ... w_j    (RIPS)
    standard      ... and on the whole ranking                   weight w_1 w_2 ... w_L    (SIPS)

The value of a ranking is the sum of its slots' rewards. Fewer factors mean less variance, and a bias where
the click model is wrong. For the independent model the probabilities are those of the item at its slot,
whatever stands above.

See "Offline Evaluation of Ranking Policies with Click Models" by Li, Abbasi-Yadkori, Kveton, Muthukrishnan,
Vinay and Wen (https://arxiv.org/abs/1804.10488) for IIPS, and "Counterfactual Evaluation of Slate
Recommendations with Sequential Reward Interactions" by McInerney, Brost, Chandar, Mehrotra and Carterette
(https://arxiv.org/abs/2007.12986) for RIPS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.estimators import base
from newsletter_bandit.off_policy.estimators.moments import FloatArray
from newsletter_bandit.off_policy.estimators.resampling import Users
from serving.propensity import is_propensity

ClickModel = Literal["independent", "cascade", "standard"]


@dataclass(frozen=True, eq=False)
class RankingBatch(Users):
    """Logged rankings of at most L slots as one evaluation policy sees them; float64 [n, L].

    Attributes:
      reward: reward of each slot, finite; 0 where a ranking has ended.
      propensity: propensity of the slot's item given those above it, in (0, 1]; 1 where a ranking has ended.
      evaluation_probability: the same under the evaluation policy, in [0, 1]; 1 where a ranking has ended.
      user: uint64 [n], a hash of the user, for bootstrap samples; None where none are drawn.

    Raises:
      DataError: a field has another shape or a value outside its range; names field, ranking and slot.
    """

    reward: FloatArray
    propensity: FloatArray
    evaluation_probability: FloatArray
    user: npt.NDArray[np.uint64] | None = None

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[Callable[[Any], Any], str]] = {
            "reward": (np.isfinite, "a finite number"),
            "propensity": (is_propensity, "(0, 1]"),
            "evaluation_probability": (base.is_probability, "[0, 1]"),
        }
        for name, (inside, allowed) in ranges.items():
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            if values.ndim != 2 or values.shape != np.shape(self.reward):
                raise DataError(
                    f"rankings: {name} has shape {values.shape}; allowed: {np.shape(self.reward)}"
                )
            outside = ~inside(values)
            if outside.any():
                row, slot = (int(place) for place in np.argwhere(outside)[0])
                found = values[row, slot]
                raise DataError(
                    f"rankings: {name} of ranking {row}, slot {slot} is {found:g}; allowed: {allowed}"
                )

    def __len__(self) -> int:
        return len(self.reward)

    def weights(self, click_model: ClickModel, clip: float | None = None) -> FloatArray:
        """Importance weight of each slot's reward, [n, L], at most ``clip``."""
        slots: FloatArray = np.clip(self.evaluation_probability, 0.0, 1.0) / self.propensity
        if click_model == "cascade":
            slots = np.cumprod(slots, axis=1, dtype=np.float64)
        elif click_model == "standard":
            slots = np.repeat(np.prod(slots, axis=1, keepdims=True), slots.shape[1], axis=1)
        clipped: FloatArray = slots if clip is None else np.minimum(slots, clip)
        return clipped


class RankingValue(base.MeanOfTerms):
    """mean over rankings of sum_j w_j r_j, or, self-normalised, sum_j (sum_i w_ij r_ij / sum_i w_ij).

    Args:
      slots: largest number L of slots.
      click_model: what a slot's reward depends on.
      self_normalised: divides each slot by the mean of its weights.
      weight_clip, reward_range, samples: see `MeanOfTerms`; the range is that of one slot's reward.
    """

    def __init__(
        self,
        slots: int,
        click_model: ClickModel,
        self_normalised: bool = False,
        weight_clip: float | None = None,
        reward_range: base.RewardRange | None = None,
        samples: int = 0,
    ) -> None:
        super().__init__(2 * slots if self_normalised else 1, weight_clip, reward_range, samples)
        self.slots = slots
        self.click_model: ClickModel = click_model
        self.self_normalised = self_normalised

    def add(self, batch: RankingBatch) -> None:
        """Adds rankings.

        Raises:
          ValueError: the rankings have another number of slots.
        """
        if batch.reward.shape[1] != self.slots:
            raise ValueError(f"rankings: found {batch.reward.shape[1]} slots; allowed: {self.slots}")
        if not len(batch):
            return
        weights = batch.weights(self.click_model, self.weight_clip)
        self._add(self._terms(weights, weights * batch.reward), batch)
        if self.reward_range is not None:
            total = weights.sum(axis=1)
            index = int(np.argmax(total))
            heaviest = weights[index : index + 1]
            low, high = (self._terms(heaviest, heaviest * reward)[0] for reward in self.reward_range)
            self._extremes.add(float(total[index]), low, high)

    def _terms(self, weights: FloatArray, weighted: FloatArray) -> FloatArray:
        terms = [weights, weighted] if self.self_normalised else [weighted.sum(axis=1, keepdims=True)]
        return np.concatenate(terms, axis=1)

    def _solve(self, mean: FloatArray) -> tuple[float, FloatArray]:
        if not self.self_normalised:
            return super()._solve(mean)
        weight, weighted = mean[: self.slots], mean[self.slots :]
        if (weight <= 0.0).any():
            return math.nan, np.full(2 * self.slots, math.nan)
        values = weighted / weight
        return float(values.sum()), np.concatenate([-values / weight, 1.0 / weight])

    def _made_alike(self) -> tuple[object, ...]:
        return (*super()._made_alike(), self.slots, self.click_model, self.self_normalised)
