"""A margin: how much reward may be lost, as a share of what is earned or in units of reward.

    allowed_margin: 10%      a tenth of what the baseline earns
    allowed_margin: 0.015    0.015 per newsletter, whatever the baseline earns

A share keeps its meaning when the rate of clicks changes; a number does not.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")


@dataclass(frozen=True)
class Loss:
    """Reward that may be lost: ``share`` of what is earned, plus ``reward`` units; one of the two is 0."""

    share: float = 0.0
    reward: float = 0.0

    def of(self, earned: float) -> float:
        """The margin in units of reward; a share of nothing earned is 0."""
        return self.reward + self.share * max(earned, 0.0)

    def __str__(self) -> str:
        """As it stands in a file of settings."""
        return f"{100.0 * self.share:.6g}%" if self.share else f"{self.reward:g}"


def parse(value: Any) -> Loss:
    """The margin of a text such as "10%", or of a number of reward units.

    Raises:
      ValueError: anything else.
    """
    if isinstance(value, Loss):
        return value
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None and float(found[1]) < 100.0:
        return Loss(share=float(found[1]) / 100.0)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value < math.inf:
        return Loss(reward=float(value))
    raise ValueError(
        f"found {value!r}; allowed: a share below 100% of what is earned, such as 10%, or units of reward, "
        "such as 0.01"
    )


Margin = Annotated[
    Loss,
    PlainValidator(parse),
    PlainSerializer(lambda loss: str(loss) if loss.share else loss.reward),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "string",
                    "pattern": r"^\s*0*[0-9]{1,2}(\.[0-9]+)? ?%\s*$",
                    "description": "a share of what is earned, below 100%, such as 10%",
                },
                {"type": "number", "minimum": 0, "description": "units of reward, such as 0.01"},
            ]
        }
    ),
]
