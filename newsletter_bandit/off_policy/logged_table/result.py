"""The result of evaluating a logged table, for a terminal, a notebook and JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from newsletter_bandit.checks import Check
from newsletter_bandit.files import filled
from newsletter_bandit.off_policy.logged_table.figures import PartFigures
from newsletter_bandit.off_policy.logged_table.overlap import ActionFigures


@dataclass(frozen=True)
class Evaluation:
    """Outcome of an evaluation.

    Attributes:
      files: files that were read.
      unit: the unit of the figures: "row", or "ranking".
      confidence: confidence of the intervals.
      interval: method of the intervals.
      weight_clip: largest weight used; None if the weights were used as they are.
      reward_range: smallest and largest possible reward; None if it is unknown.
      propensities: "logged", or "estimated" from the context.
      reward_model: "none", "given", or "cross-fitted".
      click_model: None without rankings.
      overall: figures of all rows.
      slices: column -> value -> figures.
      policy_versions: logging policy -> figures of its rows.
      actions: overlap of each action; empty for rankings, and if there are too many actions.
      checks: checks of the log's support for the evaluation policy.
      warnings: sentences on what a reader must know.
      notes: sentences on how the files were read.
    """

    files: tuple[str, ...]
    unit: Literal["row", "ranking"]
    confidence: float
    interval: str
    weight_clip: float | None
    reward_range: tuple[float, float] | None
    propensities: Literal["logged", "estimated"]
    reward_model: Literal["none", "given", "cross-fitted"]
    click_model: str | None
    overall: PartFigures
    slices: dict[str, dict[str, PartFigures]]
    policy_versions: dict[str, PartFigures]
    actions: tuple[ActionFigures, ...]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def supported(self) -> bool:
        """True if every check holds, so that the figures say something about the evaluation policy."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> Literal["supported", "cannot_tell"]:
        """The verdict that follows from the checks."""
        return "supported" if self.supported else "cannot_tell"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons why the log cannot tell; empty if it can."""
        return tuple(check.detail for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """The result as values for JSON; unknown and infinite figures are None."""
        found = {"verdict": self.verdict, "reasons": list(self.reasons)} | asdict(self)
        plain: dict[str, Any] = _finite(found)
        return plain

    def write(self, path: Path) -> None:
        """Writes JSON, whole or not at all; raises OSError where it cannot."""
        with filled(path) as temporary:
            temporary.write_text(
                json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8"
            )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
