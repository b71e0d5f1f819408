"""Which of the two policies is served: the exploring one, unless exploring costs too much.

The cost of exploration is the value of the eval policy minus that of the serving policy, paired over the same
rows, in units of reward a newsletter. `exploration.max_cost` bounds its point estimate. The interval is written
down but does not decide: by its upper bound exploration would stop just where rows are few, and nothing more would
be learnt; by its lower bound any cost would pass there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from pipelines.errors import DataError

PolicyName = Literal["serving_policy", "eval_policy"]
FILE_NAME = "decision.json"
_COST = "exploration_cost"


@dataclass(frozen=True)
class ExplorationCost:
    """What exploring costs, in units of reward a newsletter; None where it is unknown.

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
    def of(cls, metrics: Mapping[str, Any], source: str = "metrics.json") -> ExplorationCost:
        """Reads it from the content of the Evaluator's `metrics.json`.

        Raises:
          DataError: a figure is missing or no finite number; names ``source`` and the figure.
        """
        candidate = metrics.get("overall", {}).get("candidate", {})

        def figure(suffix: str) -> float | None:
            name = _COST + suffix
            if name not in candidate:
                raise DataError(f"{source}: no overall.candidate[{name!r}]; allowed: a number or null")
            value = candidate[name]
            if value is None:
                return None
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise DataError(
                    f"{source}: overall.candidate[{name!r}] is {value!r}; allowed: a finite number or null"
                )
            return float(value)

        return cls(figure(""), figure("/standard_error"), figure("/low"), figure("/high"))


@dataclass(frozen=True)
class Decision:
    """Which policy is served and why.

    Attributes:
      policy: the one that becomes `serving_default`.
      reason: a sentence.
      exploration_cost: what was found.
      max_cost: what it was compared with.
    """

    policy: PolicyName
    reason: str
    exploration_cost: ExplorationCost
    max_cost: float

    def to_json(self) -> str:
        """Indented JSON; numbers are finite or null."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = FILE_NAME) -> Decision:
        """Inverse of `to_json`.

        Raises:
          DataError: the text is no decision; names ``source``.
        """
        try:
            content = json.loads(text)
            policy, cost = content["policy"], ExplorationCost(**content["exploration_cost"])
            decision = cls(cast(PolicyName, policy), content["reason"], cost, content["max_cost"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{source}: not a decision: {error!r}") from error
        if policy not in get_args(PolicyName):
            raise DataError(f"{source}: policy is {policy!r}; allowed: {', '.join(get_args(PolicyName))}")
        return decision


def decide(cost: ExplorationCost, max_cost: float) -> Decision:
    """The exploring policy, unless its estimated cost exceeds ``max_cost`` or is unknown.

    Args:
      cost: of exploring.
      max_cost: units of reward a newsletter, 0 or more.
    """
    if cost.value is None:
        reason = f"the cost of exploration is unknown, so nothing shows that it is within {max_cost:g}"
        return Decision("eval_policy", reason, cost, max_cost)
    bounds = "unknown interval"
    if cost.lower is not None and cost.upper is not None:
        bounds = f"interval {cost.lower:.4g} to {cost.upper:.4g}"
    found = f"exploring costs an estimated {cost.value:.4g} of reward a newsletter ({bounds})"
    if cost.value > max_cost:
        return Decision("eval_policy", f"{found}, more than the allowed {max_cost:g}", cost, max_cost)
    return Decision("serving_policy", f"{found}, within the allowed {max_cost:g}", cost, max_cost)
