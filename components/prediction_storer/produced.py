"""PredictionStorer's product beside the rankings: `summary.json`, their number and their expiry."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from newsletter_bandit import records

FILE = "summary.json"


@dataclass(frozen=True)
class Summary:
    """Summary of what a run stored.

    Attributes:
      model_version: version in the registry that ranked.
      generated_at: of the rankings, ISO 8601 in UTC.
      read: rows of predictions.
      stored: rankings.
      rejected: rows that were refused.
      rejected_by_reason: the same by reason.
      dead_letters: file of the refused rows; None without any.
      expires_at: when the first of the rankings expires, ISO 8601 in UTC.
    """

    model_version: str
    generated_at: str
    read: int
    stored: int
    rejected: int
    rejected_by_reason: Mapping[str, int]
    dead_letters: str | None
    expires_at: str

    def to_json(self) -> str:
        """Text of the file."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Summary:
        """The summary in the step's output folders; raises `DataError` if there is none."""
        fields = records.read(os.path.join(outputs["summary"], FILE))
        reasons = fields.object("rejected_by_reason")
        return cls(
            model_version=fields.text("model_version"),
            generated_at=fields.text("generated_at"),
            read=fields.whole("read"),
            stored=fields.whole("stored"),
            rejected=fields.whole("rejected"),
            rejected_by_reason={reason: reasons.whole(reason) for reason in reasons.content},
            dead_letters=fields.optional("dead_letters", fields.text),
            expires_at=fields.text("expires_at"),
        )

    @property
    def phrase(self) -> str:
        """Such as "2,000 rankings stored, 0 rows refused"."""
        return f"{self.stored:,} rankings stored, {self.rejected:,} rows refused"

    @property
    def figures(self) -> dict[str, int]:
        """Users."""
        return {"users_read": self.read, "users_stored": self.stored, "users_rejected": self.rejected}
