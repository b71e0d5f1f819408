"""What a run came to, as values for JSON."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.local.running import PredictionOutcome, TrainingOutcome


def of_training(outcome: TrainingOutcome | None) -> dict[str, Any]:
    """Verdict, decision, publication and the page for people; `outcome` alone where the training was left
    out, because the same rows were judged before.
    """
    if outcome is None:
        return {"outcome": "judged_before"}
    first, after = outcome.window
    return {
        "outcome": outcome.publication.outcome,
        "version": outcome.publication.version,
        "reason": outcome.publication.reason,
        "window": [first.isoformat(), (after - dt.timedelta(days=1)).isoformat()],
        "verdict": outcome.verdict.content(),
        "decision": outcome.decision.content(),
        "report": str(outcome.report),
    }


def of_prediction(outcome: PredictionOutcome) -> dict[str, Any]:
    """Counts, the version that ranked, until when rankings are served, the state of the day, its page."""
    from newsletter_bandit.reports.prediction_day import summary

    return {
        "model_version": outcome.model_version,
        "stored": outcome.stored,
        "rejected": outcome.rejected,
        "rejects": None if outcome.dead_letters is None else str(outcome.dead_letters),
        "expires_on": outcome.expires_on.isoformat(),
        "day": summary(outcome.day),
        "report": str(outcome.report),
    }
