"""How old model, data and stored rankings are."""

from __future__ import annotations

import datetime as dt

from newsletter_bandit.registry.versions import created_at, is_version
from newsletter_bandit.reports.prediction_day.evidence import PredictionDay


def model_made(day: PredictionDay) -> dt.date | None:
    """Day on which the model was trained, by its name; None where that does not say."""
    return created_at(day.model_version).date() if is_version(day.model_version) else None


def age(of: dt.date | None, day: PredictionDay) -> int | None:
    """Days from a day to the day of the run; None for an unknown day."""
    return None if of is None else (day.run_date - of).days


def days(number: int | None) -> str:
    """A number of days in words; a day after the run's is so many days ahead."""
    if number is None:
        return "unknown"
    return f"{abs(number)} day{'' if abs(number) == 1 else 's'}{' ahead' if number < 0 else ''}"


def expired(day: PredictionDay) -> bool:
    """The rankings of the day were expired when they were stored: it lies too far back."""
    return day.store is not None and day.store.looked_at >= day.expires_at


def served(day: PredictionDay) -> int | None:
    """Rankings in the store that are served; None where nobody looked."""
    return None if day.store is None else day.store.rankings - day.store.expired


def stale(day: PredictionDay) -> int | None:
    """Those of them that another prediction made, for users whom this one did not rank; None likewise."""
    found = served(day)
    if found is None:
        return None
    return found if expired(day) else max(0, found - day.users)


def stale_share(day: PredictionDay) -> float | None:
    """The same as a share of the rankings that are served; None likewise, or where none is served."""
    found, every = stale(day), served(day)
    return None if found is None or not every else found / every
