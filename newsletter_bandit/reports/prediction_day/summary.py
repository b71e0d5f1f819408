"""What a script wants to know of a prediction day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsletter_bandit.reports.prediction_day import ages
from newsletter_bandit.reports.prediction_day.change import change
from newsletter_bandit.reports.prediction_day.evidence import PredictionDay
from newsletter_bandit.reports.prediction_day.headline import problems
from newsletter_bandit.reports.prediction_day.limits import limits


def summary(day: PredictionDay) -> Mapping[str, Any]:
    """The day as JSON values: shares in [0, 1], ages in days; None where unknown.

    `warnings` are the clauses of the page on what is wrong, or nearly so; `limits` says of each setting with
    a bound how it is kept.
    """
    moved = change(day)
    return {
        "model_version": day.model_version,
        "users": day.users,
        "rows_read": day.rows,
        "rows_refused": day.refused,
        "refused_by_reason": dict(day.rejected),
        "first_shares": {one.recommender: one.users / day.users for one in day.first},
        "explored_share": sum(one.explored for one in day.first) / day.users,
        "day_before": None if day.before is None else day.before.run_date.isoformat(),
        "changed_share": None if moved is None else moved.moved,
        "most_changed": None if moved is None else moved.most.recommender,
        "model_age_days": ages.age(ages.model_made(day), day),
        "trained_until_age_days": ages.age(day.trained_until, day),
        "users_age_days": ages.age(day.snapshot, day),
        "stale_rankings": ages.stale(day),
        "stale_share": ages.stale_share(day),
        "expired_rankings": None if day.store is None else day.store.expired,
        "expires_at": day.expires_at.isoformat(),
        "limits": {limit.setting: limit.result for limit in limits(day)},
        "warnings": problems(day),
    }
