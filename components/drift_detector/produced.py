"""DriftDetector's product: which features moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from newsletter_bandit.registry.evidence import Drift


@dataclass(frozen=True)
class Detected:
    """The drift."""

    drift: Drift

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Detected:
        """The drift in the step's output folder; raises `DataError` if there is none."""
        return cls(Drift.read(outputs["drift"]))

    @property
    def phrase(self) -> str:
        """Such as "2 of 12 features drifted"."""
        found = self.drift
        if found.compared_with is None:
            return "nothing to compare with"
        if not found.judged:
            return "too few rows to tell"
        return f"{len(found.drifted) or 'none'} of {len(found.features)} features drifted"

    @property
    def figures(self) -> dict[str, int]:
        """How many features were compared, and how many drifted."""
        return {"features": len(self.drift.features), "drifted": len(self.drift.drifted)}
