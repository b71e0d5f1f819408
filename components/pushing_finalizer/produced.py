"""PushingFinalizer's product: `publication.json`, the outcome of the run's model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from newsletter_bandit import records
from newsletter_bandit.files import write_text

FILE = "publication.json"
PublicationName = Literal["published", "not_blessed", "superseded", "pinned", "waiting"]


@dataclass(frozen=True)
class Publication:
    """Outcome of a run's model.

    Attributes:
      outcome: "published": the run's model is in production. "not_blessed": the gate did not let it pass.
        "superseded": production was no longer what the gate compared with. "pinned": production is pinned.
        "waiting": it is published, and goes into production when somebody signs it off.
      version: its name in the registry; None where it was not blessed.
      reason: a phrase.
      looks: how many candidates the window's evaluation rows have judged, this one included; None in a file
        from before they were counted.
    """

    outcome: PublicationName
    version: str | None
    reason: str
    looks: int | None = None

    @property
    def published(self) -> bool:
        """True if the run's model is in production."""
        return self.outcome == "published"

    def write(self, folder: str) -> None:
        """Writes the file."""
        write_text(os.path.join(folder, FILE), records.to_json(asdict(self)))

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Publication:
        """The publication in the step's output folders; raises `DataError` if there is none."""
        fields = records.read(os.path.join(outputs["publication"], FILE))
        if "outcome" not in fields and "published" in fields:  # as written before races were told apart
            return cls(
                outcome="published" if fields.flag("published") else "not_blessed",
                version=fields.optional("version", fields.text),
                reason=fields.text("reason"),
            )
        return cls(
            outcome=fields.choice("outcome", get_args(PublicationName)),
            version=fields.optional("version", fields.text),
            reason=fields.text("reason"),
            looks=fields.optional("looks", fields.whole),
        )

    @property
    def phrase(self) -> str:
        """The version that is in production, or why the run's is not."""
        if self.published:
            return f"{self.version} is in production"
        if self.outcome == "waiting":
            return f"{self.version} waits for sign-off"
        if self.version is not None:
            return f"{self.version} is not in production: {self.outcome}; {self.reason}"
        return f"nothing published: {self.reason}"

    @property
    def figures(self) -> dict[str, int]:
        """None: nothing is counted."""
        return {}
