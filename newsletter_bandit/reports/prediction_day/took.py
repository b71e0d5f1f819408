"""How long a run took, as far as somebody took the time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepTime:
    """One step of the run; ``seconds`` is None where nobody took the time."""

    step: str
    seconds: float | None


@dataclass(frozen=True)
class Took:
    """Seconds of the whole run, and of its steps in their order."""

    seconds: float
    steps: tuple[StepTime, ...]
