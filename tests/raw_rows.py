"""A use case with a feature of each type, and raw rows of it as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import make_use_case

ROW: dict[str, Any] = {
    "user_id": "u1",
    "sent_at": "2024-01-10 08:00:00",
    "campaign": "c1",
    "recommender": "a",
    "propensity": "0.5",
    "policy_version": "p1",
    "eligible_recommenders": "",
    "clicked": "true",
    "unsubscribed": "false",
    "colour": "red",
    "height": "170.5",
    "joined": "2023-12-31",
    "member": "1",
}


def make_typed_use_case(**changes: Any) -> UseCase:
    """Three recommenders and one feature of each type; any share of rows may be refused."""
    return make_use_case(
        ingest={"max_rejected_share": 1.0, **changes.pop("ingest", {})},
        features={
            "colour": {"type": "string"},
            "height": {"type": "number"},
            "joined": {"type": "date"},
            "member": {"type": "bool"},
        },
        **{"reward": {"terms": {"clicked": 1.0, "unsubscribed": -2.0}}, **changes},
    )


def write_csv(
    path: Path, *changes: dict[str, str], without: tuple[str, ...] = (), more: tuple[str, ...] = ()
) -> Path:
    """A CSV with one line per change: `ROW` with its own user and with the changed cells."""
    columns = [*(name for name in ROW if name not in without), *more]
    lines = [",".join(columns)]
    for number, change in enumerate(changes, start=1):
        row = {**ROW, "user_id": f"u{number}", **change}
        lines.append(",".join(row[name] for name in columns))
    path.write_text("\n".join(lines) + "\n")
    return path
