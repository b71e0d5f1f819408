"""`decision.json`: the decision how a model is served, with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newsletter_bandit.exported_model import (
    EXPIRES_AFTER_DAYS,
    EXPLORATION_RATE,
    POLICIES,
    SCORE_FLOOR,
    PolicyName,
)
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.metrics import Estimate, FloorGain
from newsletter_bandit.registry.evidence.record import Record

_OF_CONSTRAINTS = ("multipliers", "offsets")


@dataclass(frozen=True)
class Decision(Record):
    """Decision how the model is served, with its reasons.

    Attributes:
      policy: policy that becomes `serving_default`.
      exploration_rate: share of the exploring policy in it, in [0, 1]; 0 for the eval policy.
      score_floor: best reward estimate below which the default recommender is served; None for no floor.
      expires_after_days: how long a ranking is served after the day it was made for.
      reasons: a sentence for policy and rate, one for the floor, one for the expiry.
      exploration_cost: cost of exploring, in units of reward per newsletter; negative if exploring seems to
        gain.
      max_cost, min_rate: bounds that it was compared with.
      floor_gain: the score floor and its gain.
      multipliers, offsets: by constrained term and by recommender, those with which the model was judged. The
        file leaves them out without constraints, as older ones do.
    """

    FILE = "decision.json"

    policy: PolicyName
    exploration_rate: float
    score_floor: float | None
    expires_after_days: int
    reasons: tuple[str, ...]
    exploration_cost: Estimate
    max_cost: float
    min_rate: float
    floor_gain: FloorGain
    multipliers: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)

    @property
    def policy_words(self) -> str:
        """The policy for people, such as "serving policy"."""
        return self.policy.replace("_", " ")

    @classmethod
    def of(cls, fields: Fields) -> Decision:
        """The decision that a file's fields hold."""
        cost, gain = fields.object("exploration_cost"), fields.object("floor_gain")
        return cls(
            policy=fields.choice("policy", POLICIES),
            exploration_rate=fields.number(EXPLORATION_RATE),
            score_floor=fields.figure(SCORE_FLOOR),
            expires_after_days=fields.whole(EXPIRES_AFTER_DAYS),
            reasons=fields.texts("reasons"),
            exploration_cost=Estimate(
                *(cost.figure(name) for name in ("value", "standard_error", "lower", "upper"))
            ),
            max_cost=fields.number("max_cost"),
            min_rate=fields.number("min_rate"),
            floor_gain=FloorGain(*(gain.figure(name) for name in ("floor", "gain", "lower_bound", "share"))),
            **{name: _numbers(name, fields) for name in _OF_CONSTRAINTS},
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        cost, gain = self.exploration_cost, self.floor_gain
        return {
            "policy": self.policy,
            EXPLORATION_RATE: self.exploration_rate,
            SCORE_FLOOR: self.score_floor,
            EXPIRES_AFTER_DAYS: self.expires_after_days,
            "reasons": list(self.reasons),
            "exploration_cost": {
                "value": cost.value,
                "standard_error": cost.standard_error,
                "lower": cost.low,
                "upper": cost.high,
            },
            "max_cost": self.max_cost,
            "min_rate": self.min_rate,
            "floor_gain": {
                "floor": gain.value,
                "gain": gain.gain,
                "lower_bound": gain.lower_bound,
                "share": gain.share,
            },
            **{name: dict(getattr(self, name)) for name in _OF_CONSTRAINTS if getattr(self, name)},
        }


def _numbers(name: str, fields: Fields) -> dict[str, float]:
    """Numbers by name, of a field that files without constraints do not have."""
    if name not in fields:
        return {}
    found = fields.object(name)
    return {key: found.number(key) for key in found.content}
