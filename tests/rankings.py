"""Stored rankings for tests that are about something else than their fields."""

from __future__ import annotations

import datetime as dt
from typing import Any

from serving.ranking import Ranking

GENERATED_AT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


# As the store makes it.
TABLE = """CREATE TABLE rankings (
  user_id TEXT NOT NULL PRIMARY KEY,
  recommenders TEXT NOT NULL,   -- JSON list, best first
  scores TEXT NOT NULL,         -- JSON list
  propensities TEXT NOT NULL,   -- JSON list
  explored INTEGER NOT NULL,
  campaign TEXT NOT NULL,
  use_case TEXT NOT NULL,
  model_version TEXT NOT NULL,
  generated_at TEXT NOT NULL,   -- RFC 3339, UTC
  expires_at TEXT NOT NULL,     -- RFC 3339, UTC
  checksum TEXT
) STRICT, WITHOUT ROWID
"""


def ranking_fields(**changes: Any) -> dict[str, Any]:
    """Every field of a good ranking; ``changes`` replace some. It lasts eight days."""
    generated_at: dt.datetime = changes.get("generated_at", GENERATED_AT)
    return {
        "user_id": "user-1",
        "recommenders": ("deals", "refill"),
        "scores": (0.5, -0.25),
        "propensities": (0.925, 1.0),
        "explored": False,
        "campaign": "monday",
        "use_case": "newsletter",
        "model_version": "7",
        "generated_at": generated_at,
        "expires_at": generated_at + dt.timedelta(days=8),
        **changes,
    }


def make_ranking(**changes: Any) -> Ranking:
    """The ranking of `ranking_fields`."""
    return Ranking(**ranking_fields(**changes))


def ranking_of(number: int, campaign: str = "monday") -> Ranking:
    """The ranking of ``user-{number}``, with a score of their own."""
    return make_ranking(user_id=f"user-{number}", scores=(number / 7, -0.25), campaign=campaign)
