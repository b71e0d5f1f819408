"""How good the model expects the first places to be, in net clicks per 100,000 newsletters."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.reports.amounts import Amount, scaled, whole
from newsletter_bandit.reports.prediction_day.evidence import PredictionDay


@dataclass(frozen=True)
class Expected:
    """One recommender: expected net clicks where it is first, as median and middle 80% of its users."""

    recommender: str
    users: int
    amount: Amount


def histogram(day: PredictionDay) -> list[tuple[str, int]]:
    """Users by what their first place is expected to earn, the least first."""
    unit, found = day.use_case.reward.unit, day.scores
    rows = []
    for place, users in enumerate(found.users):
        low, high = (scaled(found.start + (place + end) * found.width, unit) for end in (0, 1))
        rows.append((f"{whole(low)} to {whole(high)}", users))
    return rows


def expected(day: PredictionDay) -> list[Expected]:
    """Every recommender that is first for somebody, the most frequent one first."""
    unit = day.use_case.reward.unit
    return [
        Expected(
            one.recommender,
            one.users,
            Amount(*(scaled(figure, unit) for figure in (one.median, one.low, one.high))),
        )
        for one in day.first
    ]
