"""Events that report a run's progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class StepEvent:
    """Start or end of a step; `detail` is a phrase on its product or failure, `figures` its numbers."""

    step: str
    state: Literal["running", "finished", "failed", "cached"]
    seconds: float | None = None
    detail: str = ""
    figures: dict[str, int] = field(default_factory=dict)


OnEvent = Callable[[StepEvent], None]
