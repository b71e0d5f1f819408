"""Why rows were refused, in words."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.reports.prediction_day.evidence import PredictionDay
from newsletter_bandit.settings.words import Words


@dataclass(frozen=True)
class Reason:
    """One reason: its identifier in the file of the refused rows, its meaning, and how many rows."""

    identifier: str
    meaning: str
    rows: int


def reasons(day: PredictionDay) -> list[Reason]:
    """Every reason, the most frequent one first."""
    found = sorted(day.rejected.items(), key=lambda item: (-item[1], item[0]))
    meanings = _meanings(day.use_case.words)
    return [Reason(name, meanings.get(name, name.replace("_", " ")), rows) for name, rows in found]


def _meanings(words: Words) -> dict[str, str]:
    """By the reason's identifier."""
    return {
        "duplicate_user_id": f"the {words.subject} has several rows; one is kept",
        "expires_too_early": "the ranking would expire before it is served",
        "invalid_user_id": f"the {words.subject} id is too long, reserved or no UTF-8",
        "malformed": "a value has the wrong form",
        "missing_campaign": "the row has no campaign",
        "missing_user_id": f"the row has no {words.subject} id",
        "no_eligible_recommender": f"no recommender may be shown to the {words.subject}",
        "propensity_out_of_range": "a probability is not above 0 and at most 1",
        "repeated_recommender": "a recommender stands twice in the ranking",
        "score_not_finite": "the model gave no number as a score",
        "score_out_of_range": f"a score lies far outside of what {words.a_unit} can earn",
        "unequal_lengths": "the ranking has more or fewer scores than recommenders",
        "unknown_recommender": "the model ranks a recommender that the settings do not have",
    }
