"""`refit.json`: how the second training, on all rows, came out.

    {"format": 1, "outcome": "taken", "reason": "", "rows": 57000, "held_out_rows": 9000, "users": 4000,
     "agreement": 0.91, "min_agreement": 0.7, "difference": 0.009, "max_difference": 0.04,
     "held_out_until": "2026-11-02"}

The other evidence is of the model that the gate judged. If the outcome is "taken", that one lies beside the
served model.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.errors import DataError
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.record import Record

RefitName = Literal["taken", "refused", "not_made"]


@dataclass(frozen=True)
class Refitted(Record):
    """A refit, beside the bounds of the settings that it was held against.

    Attributes:
      outcome: "taken": it is what is published. "refused": the judged model is, because the two do not agree.
        "not_made": likewise, because there was no second training.
      reason: why it is not taken, as a clause; "" where it is.
      rows: rows that it learned from; None where it was not made, as of the next six.
      held_out_rows: those of them that the judged model did not learn from.
      users: held-out users who were asked about.
      agreement: share of them for whom both models make the same first choice.
      min_agreement: allowed.
      difference: mean difference of both models' estimates of the judged one's first choices, in units of
        reward.
      max_difference: allowed.
      held_out_until: the day after the last one that may have held-out rows which it learned from, ISO 8601.
    """

    FILE = "refit.json"

    outcome: RefitName
    reason: str
    rows: int | None = None
    held_out_rows: int | None = None
    users: int | None = None
    agreement: float | None = None
    min_agreement: float | None = None
    difference: float | None = None
    max_difference: float | None = None
    held_out_until: str | None = None

    @property
    def taken(self) -> bool:
        """It took the judged model's place."""
        return self.outcome == "taken"

    @property
    def words(self) -> str:
        """What came of it, as a sentence without its stop."""
        if self.outcome == "not_made":
            return f"not made, because {self.reason}"
        end = "it takes the judged model's place" if self.taken else "the judged model stays"
        why = f", because {self.reason}" if self.reason else ""
        compared = ""
        if self.agreement is not None and self.difference is not None:
            compared = (
                f", agrees with the judged model on {self.agreement:.1%} of first choices (needed "
                f"{self.min_agreement:.0%}), estimates differ by {self.difference:.4f} (allowed "
                f"{self.max_difference:.4f})"
            )
        rows = f"on {self.rows or 0:,} rows, {self.held_out_rows or 0:,} of them held out"
        return f"{rows}{compared}: {end}{why}"

    def has_seen(self, first: dt.date) -> bool:
        """It may have learned from held-out rows of a window that begins on ``first``."""
        return self.held_out_until is not None and first.isoformat() < self.held_out_until

    @classmethod
    def of(cls, fields: Fields) -> Refitted:
        """The refit that a file's fields hold."""
        return cls(
            outcome=fields.choice("outcome", get_args(RefitName)),
            reason=fields.text("reason"),
            rows=fields.optional("rows", fields.whole),
            held_out_rows=fields.optional("held_out_rows", fields.whole),
            users=fields.optional("users", fields.whole),
            agreement=fields.figure("agreement"),
            min_agreement=fields.figure("min_agreement"),
            difference=fields.figure("difference"),
            max_difference=fields.figure("max_difference"),
            held_out_until=fields.optional("held_out_until", lambda name: _day(fields, name)),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


def _day(fields: Fields, name: str) -> str:
    text = fields.text(name)
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise DataError(f"{fields.source}: {name} is {text!r}; allowed: a day, YYYY-MM-DD") from None
