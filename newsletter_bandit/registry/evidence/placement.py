"""`placement.json`: whether a published version could be put into production, and what stood in the way.

It lies beside the version's evidence only if something did. It is not in the manifest, because it is written
after the version is complete.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.record import Record

PlacementName = Literal["placed", "superseded", "pinned", "waiting"]


@dataclass(frozen=True)
class Placement(Record):
    """Outcome of putting a blessed version into production.

    Attributes:
      outcome: "placed"; "superseded", because production was no longer what the gate compared with;
        "pinned", because it was pinned; or "waiting", because nobody has signed it off yet.
      compared_with: version that the gate compared with, None if nothing was in production; or that was there
        when somebody put this one there against a refusal.
      found: version that was in production at that moment; None likewise.
    """

    FILE = "placement.json"

    outcome: PlacementName
    compared_with: str | None
    found: str | None

    @property
    def placed(self) -> bool:
        """The version went into production."""
        return self.outcome == "placed"

    @property
    def reason(self) -> str:
        """What stood in the way, as a phrase; "" where nothing did."""
        if self.outcome == "pinned":
            return f"{self.found} is pinned"
        if self.outcome == "waiting":
            return "it waits for sign-off"
        if self.outcome == "superseded":
            compared_with = self.compared_with or "the logging policy"
            return f"compared with {compared_with}, but {self.found or 'nothing'} is in production now"
        return ""

    @classmethod
    def of(cls, fields: Fields) -> Placement:
        """The placement that a file's fields hold."""
        return cls(
            outcome=fields.choice("outcome", get_args(PlacementName)),
            compared_with=fields.optional("compared_with", fields.text),
            found=fields.optional("found", fields.text),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)
