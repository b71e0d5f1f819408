"""PushingFinalizer's product: `publication.json`, the outcome of the run's model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from newsletter_bandit import records
from newsletter_bandit.files import write_text

FILE = "publication.json"


@dataclass(frozen=True)
class Publication:
    """Outcome of a run's model.

    Attributes:
      published: True if the run's model is in production.
      version: its name; None where nothing was published.
      reason: a phrase.
    """

    published: bool
    version: str | None
    reason: str

    def write(self, folder: str) -> None:
        """Writes the file."""
        write_text(os.path.join(folder, FILE), records.to_json(asdict(self)))

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Publication:
        """The publication in the step's output folders; raises `DataError` if there is none."""
        fields = records.read(os.path.join(outputs["publication"], FILE))
        return cls(
            published=fields.flag("published"),
            version=fields.optional("version", fields.text),
            reason=fields.text("reason"),
        )

    @property
    def phrase(self) -> str:
        """The version that is in production, or why none was published."""
        return f"{self.version} is in production" if self.published else f"nothing published: {self.reason}"

    @property
    def figures(self) -> dict[str, int]:
        """None: nothing is counted."""
        return {}
