"""Why rows were refused, in words."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.reports.prediction_day.evidence import PredictionDay

_MEANINGS = {
    "duplicate_user_id": "the user has several rows; one is kept",
    "expires_too_early": "the ranking would expire before it is served",
    "invalid_user_id": "the user id is too long, reserved or no UTF-8",
    "malformed": "a value has the wrong form",
    "missing_campaign": "the row has no campaign",
    "missing_user_id": "the row has no user id",
    "no_eligible_recommender": "no recommender may be shown to the user",
    "propensity_out_of_range": "a probability is not above 0 and at most 1",
    "repeated_recommender": "a recommender stands twice in the ranking",
    "score_not_finite": "the model gave no number as a score",
    "score_out_of_range": "a score lies far outside of what a newsletter can earn",
    "unequal_lengths": "the ranking has more or fewer scores than recommenders",
    "unknown_recommender": "the model ranks a recommender that the settings do not have",
}


@dataclass(frozen=True)
class Reason:
    """One reason: its identifier in the file of the refused rows, its meaning, and how many rows."""

    identifier: str
    meaning: str
    rows: int


def reasons(day: PredictionDay) -> list[Reason]:
    """Every reason, the most frequent one first."""
    found = sorted(day.rejected.items(), key=lambda item: (-item[1], item[0]))
    return [Reason(name, _MEANINGS.get(name, name.replace("_", " ")), rows) for name, rows in found]
