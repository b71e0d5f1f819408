"""The Trainer's product beside the model: `training.json`, a summary of the training."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter_bandit import records

FILE = "training.json"
_LOSS = "loss"


@dataclass(frozen=True)
class Training:
    """Summary of a training.

    Attributes:
      agent: its type.
      rows: of the training split.
      measured: the last value of what the agent measured, by name, and the step of it. It may be NaN.
      left_out: features that are constant, or nearly, in the training rows.
      rows_by_recommender: rows that the model learned each recommender from.
      cut: rows of each number that were cut, because they are absurdly far from the others.
    """

    agent: str
    rows: int
    measured: Mapping[str, float]
    left_out: tuple[str, ...] = ()
    rows_by_recommender: Mapping[str, int] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """Text of the file."""
        told = {
            "agent": self.agent,
            "rows": self.rows,
            "left_out": self.left_out,
            "rows_by_recommender": dict(self.rows_by_recommender),
            "cut": dict(self.cut),
        }
        return json.dumps({**told, **self.measured}, indent=2)

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Training:
        """The summary in the step's output folders; raises `DataError` if there is none."""
        fields = records.read(os.path.join(outputs["model_run"], FILE))
        told = ("agent", "rows", "left_out", "rows_by_recommender", "cut")
        measured = {name: value for name, value in fields.content.items() if name not in told}
        by_recommender = fields.object("rows_by_recommender")
        cut = fields.object("cut") if "cut" in fields else None
        return cls(
            fields.text("agent"),
            fields.whole("rows"),
            measured,
            fields.texts("left_out"),
            {name: by_recommender.whole(name) for name in by_recommender.content},
            {} if cut is None else {name: cut.whole(name) for name in cut.content},
        )

    @property
    def phrase(self) -> str:
        """Such as "lin_ucb on 8,000 rows", with the loss where the agent has one, the features that were left
        out or hold absurd values, and the recommenders without a row.
        """
        loss = f", loss {self.measured[_LOSS]:.4f}" if _LOSS in self.measured else ""
        constant = f"; left out as constant: {', '.join(self.left_out)}" if self.left_out else ""
        absurd = ", ".join(f"{name} in {rows:,} rows" for name, rows in self.cut.items())
        cut = f"; cut as absurdly far from the others: {absurd}" if absurd else ""
        untried = [name for name, rows in self.rows_by_recommender.items() if not rows]
        never = f"; never tried: {', '.join(untried)}" if untried else ""
        return f"{self.agent} on {self.rows:,} rows{loss}{constant}{cut}{never}"

    @property
    def figures(self) -> dict[str, int]:
        """Rows."""
        return {"rows": self.rows}
