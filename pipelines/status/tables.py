"""Findings on the tables: whether a training and a prediction of the day would find them new enough."""

from __future__ import annotations

import datetime as dt

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.warehouse.ages import Newest, newest
from pipelines.status.findings import Finding, Limits, Severity, days
from pipelines.workspace import Workspace

_SETTING = "freshness.max_input_age_days"


def newsletters(workspace: Workspace, today: dt.date, limits: Limits) -> Finding:
    """The newest newsletter, against the end of the newest complete window as `train` looks at it.

    Raises:
      UserError: the warehouse cannot be read.
    """
    use_case = workspace.use_case
    allowed = use_case.freshness.max_input_age_days
    try:
        start, end = TrainingDays.of(use_case, today).window
    except SettingsError:  # no window is complete yet, and so none can be too old
        start, end = use_case.window.anchor, use_case.window.anchor
    enough = dt.date.min if allowed is None else end - dt.timedelta(days=allowed)
    found = newest(workspace.environment.warehouse, use_case, "training", today, enough)
    fill = _filled_by("training", found)
    if found.newest is None:
        return _nothing(use_case.words.units, found, Severity.WARNING, fill)
    age = max(0, (end - found.newest).days)
    words = f"{_newest_words('newest', found)}, {days((today - found.newest).days)} old"
    if end > start:
        until = f"the window {start} to {end - dt.timedelta(days=1)}"
        reach = f"{days(age)} before the end of" if age else "and reaches to the end of"
        words += f", {reach} {until}"
    figures = _figures(found, age, allowed) | {"window": [start.isoformat(), end.isoformat()]}
    severity = _severity(age, allowed, limits)
    if severity is Severity.CRITICAL:  # a training would be refused; the rankings are none the worse for it
        severity = Severity.WARNING
    return Finding(use_case.words.units, severity, words + _limit(allowed), fill if severity else "", figures)


def users(workspace: Workspace, today: dt.date, limits: Limits) -> Finding:
    """The day of the users to predict for, as `predict` looks at it; raises as `newsletters` does."""
    use_case = workspace.use_case
    allowed = use_case.freshness.max_input_age_days
    enough = dt.date.min if allowed is None else today - dt.timedelta(days=allowed)
    found = newest(workspace.environment.warehouse, use_case, "inference", today, enough)
    fill = _filled_by("inference", found)
    if found.exists and not found.dated:
        words = f"{found.table} has no column snapshot_date, so their age is not known"
        return Finding(use_case.words.subjects, Severity.OK, words, figures=_figures(found, None, allowed))
    if found.newest is None:
        return _nothing(use_case.words.subjects, found, Severity.CRITICAL, fill)
    age = (today - found.newest).days
    severity = _severity(age, allowed, limits)
    words = f"{_newest_words('snapshot', found)}, {days(age)} old{_limit(allowed)}"
    return Finding(
        use_case.words.subjects, severity, words, fill if severity else "", _figures(found, age, allowed)
    )


def _nothing(subject: str, found: Newest, severity: Severity, fill: str) -> Finding:
    words = f"{found.table} holds none" if found.exists else f"no table {found.table} yet"
    return Finding(subject, severity, words, fill, _figures(found, None, None))


def _newest_words(what: str, found: Newest) -> str:
    if found.source_day is None or found.source_day != found.newest or found.day == found.newest:
        return f"{what} of {found.newest}"
    return f"{what} of {found.newest} in {found.source}, which --build-table takes"


def _severity(age: int, allowed: int | None, limits: Limits) -> Severity:
    if allowed is None or age <= limits.warning_share * allowed:
        return Severity.OK
    return Severity.CRITICAL if age > allowed else Severity.WARNING


def _limit(allowed: int | None) -> str:
    return "" if allowed is None else f"; at most {days(allowed)} ({_SETTING})"


def _filled_by(table: str, found: Newest) -> str:
    return (
        f"load newer rows with `newsletter-bandit ingest {table} FILE`, or build them from {found.source} "
        "with `newsletter-bandit build-tables`"
    )


def _figures(found: Newest, age: int | None, allowed: int | None) -> dict[str, object]:
    newest_day = found.newest
    return {
        "table": found.table,
        "newest": None if newest_day is None else newest_day.isoformat(),
        "age_days": age,
        "max_age_days": allowed,
    }
