"""ServingModelResolver's product beside the model: the decision how it is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from newsletter_bandit.registry.evidence import Decision


@dataclass(frozen=True)
class Resolved:
    """The decision."""

    decision: Decision

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Resolved:
        """The decision in the step's output folders; raises `DataError` if there is none."""
        return cls(Decision.read(outputs["decision"]))

    @property
    def phrase(self) -> str:
        """Such as "serves the serving policy"."""
        return f"serves the {self.decision.policy_words}"

    @property
    def figures(self) -> dict[str, int]:
        """None: nothing is counted."""
        return {}
