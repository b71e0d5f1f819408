"""The decision how a model is served: policy, exploration rate, score floor and expiry.

The cost of exploration is the value of the eval policy minus that of the serving policy, paired over the same
rows, in units of reward per newsletter. The serving policy is a mixture, so exploring in a share `rate` of
the newsletters costs rate times as much. `exploration.max_cost` is respected at

    rate = min(1, max_cost / cost), and 1 where exploring costs nothing

A rate below `exploration.min_rate` would teach too little to be worth its cost; the eval policy is served then. The
point estimate decides and the interval is written down: by its upper bound exploration would stop just where rows are
few, and nothing more would be learnt; by its lower bound any cost would pass there.

The score floor is the Evaluator's (`components/evaluator/score_floor.py`). It is a criterion of the serving policy, so
it is not attached where the eval policy is served.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase

PolicyName = Literal["serving_policy", "eval_policy"]
FILE_NAME = "decision.json"
_COST = "exploration_cost"
_SOURCE = "metrics.json"


@dataclass(frozen=True)
class ExplorationCost:
    """Cost of exploring, in units of reward per newsletter; None where it is unknown.

    Attributes:
      value: estimate; negative where exploring seems to gain.
      standard_error: of ``value``.
      lower, upper: two-sided interval at the gate's confidence.
    """

    value: float | None
    standard_error: float | None
    lower: float | None
    upper: float | None

    @classmethod
    def of(cls, overall: Mapping[str, Any], source: str = _SOURCE) -> ExplorationCost:
        """Reads it from what the Evaluator's `metrics.json` holds under "overall".

        Raises:
          DataError: a figure is missing or no finite number; names ``source`` and the figure.
        """
        suffixes = ("", "/standard_error", "/low", "/high")
        return cls(*(_figure(overall, "candidate", _COST + suffix, source) for suffix in suffixes))


@dataclass(frozen=True)
class FloorGain:
    """A score floor and what it gains, in units of reward; all None where no floor gains measurably.

    Attributes:
      floor: best reward estimate below which the default recommender does better.
      gain: reward per newsletter, over all newsletters.
      lower_bound: of ``gain``, one-sided.
      share: share of the newsletters below the floor.
    """

    floor: float | None
    gain: float | None
    lower_bound: float | None
    share: float | None

    @classmethod
    def of(cls, overall: Mapping[str, Any], source: str = _SOURCE) -> FloorGain:
        """Reads it as `ExplorationCost.of` does."""
        names = ("value", "gain", "lower_bound", "share")
        return cls(*(_figure(overall, "score_floor", name, source) for name in names))


@dataclass(frozen=True)
class Decision:
    """Decision how the model is served, with its reasons.

    Attributes:
      policy: the one that becomes `serving_default`.
      exploration_rate: share of the exploring policy in it, in [0, 1]; 0 for the eval policy.
      score_floor: best reward estimate below which the default recommender is served; None for no floor.
      expires_after_days: how long a ranking is served after the day it was made for.
      reasons: a sentence for policy and rate, one for the floor, one for the expiry.
      exploration_cost: what was found.
      max_cost, min_rate: what it was compared with.
      floor_gain: what was found.
    """

    policy: PolicyName
    exploration_rate: float
    score_floor: float | None
    expires_after_days: int
    reasons: tuple[str, ...]
    exploration_cost: ExplorationCost
    max_cost: float
    min_rate: float
    floor_gain: FloorGain

    def to_json(self) -> str:
        """Indented JSON; numbers are finite or null."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, source: str = FILE_NAME) -> Decision:
        """Inverse of `to_json`.

        Raises:
          DataError: the text is no decision; names ``source``.
        """
        try:
            content = json.loads(text)
            read = {
                **content,
                "reasons": tuple(content["reasons"]),
                "exploration_cost": ExplorationCost(**content["exploration_cost"]),
                "floor_gain": FloorGain(**content["floor_gain"]),
            }
            decision = cls(**read)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{source}: not a decision: {error!r}") from error
        if decision.policy not in get_args(PolicyName):
            allowed = ", ".join(get_args(PolicyName))
            raise DataError(f"{source}: policy is {decision.policy!r}; allowed: {allowed}")
        return decision


def decide(cost: ExplorationCost, floor: FloorGain, use_case: UseCase) -> Decision:
    """Decides as the module says; a cost that is unknown is not within any bound.

    Args:
      cost: of exploring.
      floor: the Evaluator's.
      use_case: gives the bounds of exploration and the freshness.
    """
    max_cost, min_rate = use_case.exploration.max_cost, use_case.exploration.min_rate
    rate, reason = _rate(cost, max_cost, min_rate)
    policy: PolicyName = "serving_policy" if rate > 0.0 else "eval_policy"
    days = use_case.freshness.expires_after_days
    return Decision(
        policy=policy,
        exploration_rate=rate,
        score_floor=floor.floor if policy == "serving_policy" else None,
        expires_after_days=days,
        reasons=(reason, _floor_reason(floor, policy), f"a ranking is served for {days} days (freshness)"),
        exploration_cost=cost,
        max_cost=max_cost,
        min_rate=min_rate,
        floor_gain=floor,
    )


def _rate(cost: ExplorationCost, max_cost: float, min_rate: float) -> tuple[float, str]:
    if cost.value is None:
        return 0.0, f"the cost of exploration is unknown, so nothing shows that it is within {max_cost:g}"
    bounds = "unknown interval"
    if cost.lower is not None and cost.upper is not None:
        bounds = f"interval {cost.lower:.4g} to {cost.upper:.4g}"
    found = f"exploring costs an estimated {cost.value:.4g} of reward per newsletter ({bounds})"
    if cost.value <= max_cost:
        return 1.0, f"{found}, within the allowed {max_cost:g}"
    rate = max_cost / cost.value
    if rate == 0.0 or rate < min_rate:
        return 0.0, (
            f"{found}; the allowed {max_cost:g} would leave a rate of {rate:.2f}, less than the {min_rate:g} that is "
            "worth it"
        )
    return rate, f"{found}, so {rate:.0%} of the newsletters explore, at the allowed {max_cost:g}"


def _floor_reason(floor: FloorGain, policy: PolicyName) -> str:
    if floor.floor is None or floor.gain is None or floor.lower_bound is None or floor.share is None:
        return "no score floor: the default recommender is not measurably better below any score"
    found = (
        f"below a score of {floor.floor:.4g} ({floor.share:.1%} of the newsletters) the default recommender gains "
        f"{floor.gain:.4g} of reward per newsletter, at least {floor.lower_bound:.4g}"
    )
    return found if policy == "serving_policy" else f"no score floor, since the eval policy has none: {found}"


def _figure(overall: Mapping[str, Any], block: str, name: str, source: str) -> float | None:
    figures = overall.get(block)
    if not isinstance(figures, Mapping) or name not in figures:
        raise DataError(f"{source}: no overall.{block}[{name!r}]; allowed: a number or null")
    value = figures[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"{source}: overall.{block}[{name!r}] is {value!r}; allowed: a finite number or null")
    return float(value)
