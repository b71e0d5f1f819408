"""Counts of the rows read and refused, which decide whether the others may be stored."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.words import NEWSLETTER, Words


@dataclass(frozen=True)
class Counts:
    """Running sums; two of them merge by ``+``.

    Attributes:
      stored: rows whose ranking is stored.
      rejected: rows whose ranking is not stored, by reason.
      first_expiry: earliest expiry of the stored rankings, ISO 8601 in UTC; None without any.
    """

    stored: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    first_expiry: str | None = None

    @property
    def total_rejected(self) -> int:
        """Rows that are not stored."""
        return sum(self.rejected.values())

    @property
    def read(self) -> int:
        """All rows."""
        return self.stored + self.total_rejected

    def __add__(self, other: Counts) -> Counts:
        reasons = self.rejected.keys() | other.rejected.keys()
        return Counts(
            self.stored + other.stored,
            {
                reason: self.rejected.get(reason, 0) + other.rejected.get(reason, 0)
                for reason in sorted(reasons)
            },
            min(filter(None, (self.first_expiry, other.first_expiry)), default=None),
        )

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        """Sum of the parts; zero for none."""
        return sum(parts, cls())

    def refusal(self, max_rejected_share: float, words: Words = NEWSLETTER) -> str | None:
        """The reason why nothing may be stored; None if storing is allowed.

        Args:
          max_rejected_share: share of refused rows that is still accepted, in [0, 1].
          words: what the reason calls the rows.
        """
        if self.read == 0:
            return f"predictions: found no rows; allowed: one or more {words.subjects} in the inference table"
        if self.stored == 0 or self.total_rejected > max_rejected_share * self.read:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self.rejected.items())
            return (
                f"predictions: {self.total_rejected} of {self.read} rows cannot be stored ({reasons}); "
                f"allowed: a share of {max_rejected_share} (storing.max_rejected_share)"
            )
        return None

    def check(self, max_rejected_share: float, words: Words = NEWSLETTER) -> None:
        """Raises `DataError` if nothing may be stored."""
        refusal = self.refusal(max_rejected_share, words)
        if refusal is not None:
            raise DataError(refusal)

    def to_json(self) -> str:
        """JSON that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Counts:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))
