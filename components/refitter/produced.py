"""Refitter's product beside the model: how the second training came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from newsletter_bandit.registry.evidence import Refitted


@dataclass(frozen=True)
class MadeAgain:
    """The refit."""

    refitted: Refitted

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> MadeAgain:
        """The refit in the step's output folders; raises `DataError` if there is none."""
        return cls(Refitted.read(outputs["refit"]))

    @property
    def phrase(self) -> str:
        """Such as "taken, on 57,000 rows"."""
        found = self.refitted
        outcome = found.outcome.replace("_", " ")
        return outcome if found.rows is None else f"{outcome}, on {found.rows:,} rows"

    @property
    def figures(self) -> dict[str, int]:
        """Rows; none where there was no second training."""
        return {} if self.refitted.rows is None else {"rows": self.refitted.rows}
