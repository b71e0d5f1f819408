"""Findings on the registry: the model in production, and what became of the last trainings."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.registry import Look, Registry, VersionInfo
from newsletter_bandit.registry.registry import approving
from newsletter_bandit.registry.versions import created_at
from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.status.findings import Finding, Limits, Severity, days
from pipelines.workspace import Workspace

_SHOWN = 5  # trainings
_TRAIN = "`newsletter-bandit train` publishes a first one if the gate says so"
_NOT_CONCLUDED = "judged"
_KEPT_OUT = {
    "pinned": "blessed (kept out by a pin)",
    "superseded": "blessed (superseded)",
    "waiting": "blessed (sign-off needed)",
    "rejected": "blessed (rejected)",
}
# What ends a row of trainings that led to nothing: the next move is a person's.
_LED_SOMEWHERE = ("published", "waiting")


def model(workspace: Workspace, now: dt.datetime, limits: Limits) -> Finding:
    """The version in production, its age and its pin.

    Raises:
      UserError: the registry cannot be read, or its pointer is damaged.
    """
    registry = registry_of(workspace)
    version, pointer = registry.current(), registry.pointer()
    if version is None or pointer is None:
        waiting = [approving(info.version) for info in registry.waiting()]
        advice = f"sign off what waits for it: {waiting[-1]}" if waiting else _TRAIN
        return Finding("model", Severity.CRITICAL, "none is in production yet", advice, {"version": None})
    created = created_at(version)
    age = max(0, (now - created).days)
    limit = limits.max_windows * _step(workspace).days
    words = f"{version}, published {created:%Y-%m-%d}, {days(age)} ago; expected within {days(limit)}"
    if pointer.pinned:
        words += "; pinned, so no training replaces it"
    figures = {
        "version": version,
        "created_at": created.isoformat(),
        "age_days": age,
        "max_age_days": limit,
        "pinned": pointer.pinned,
    }
    if age <= limit:
        return Finding("model", Severity.OK, words, figures=figures)
    advice = (
        "`newsletter-bandit models unpin` lets the next training replace it"
        if pointer.pinned
        else "see why no training replaced it: the next line, and `newsletter-bandit models list`"
    )
    return Finding("model", Severity.WARNING, words, advice, figures)


def trainings(workspace: Workspace, today: dt.date, limits: Limits) -> Finding:
    """The last verdicts, how many trainings in a row published nothing, and the windows without a training;
    raises as `model` does.
    """
    registry = registry_of(workspace)
    looks = registry.looks.all()
    if any(look.outcome == "waiting" for look in looks):
        waiting = {info.version for info in registry.waiting()}
        looks = [
            replace(look, outcome="superseded")
            if look.outcome == "waiting" and look.version not in waiting
            else look
            for look in looks
        ]
    if not looks:
        figures = {"verdicts": [], "unpublished": 0, "windows_not_judged": None}
        return Finding("trainings", Severity.WARNING, "none was judged yet", _TRAIN, figures)
    concluded = [look for look in reversed(looks) if look.outcome != _NOT_CONCLUDED]
    in_a_row = len(list(itertools.takewhile(lambda look: look.outcome not in _LED_SOMEWHERE, concluded)))
    missed = _missed(workspace, today, looks[-1])
    last = [_words(look) for look in reversed(looks[-_SHOWN:])]
    words = f"last verdicts, the newest first: {', '.join(last)}; {in_a_row} in a row published nothing"
    first, after = map(dt.date.fromisoformat, looks[-1].window)
    words += f"; the last window judged is {first} to {after - dt.timedelta(days=1)}"
    if missed:
        words += f", {missed} newer {'is' if missed == 1 else 'are'} complete"
    figures = {"verdicts": last, "unpublished": in_a_row, "windows_not_judged": missed}
    advice = []
    if in_a_row >= limits.max_unpublished:
        advice.append('docs/operations.md, "When something is refused", says what each verdict asks for')
    if missed >= limits.max_windows:
        advice.append("see that `newsletter-bandit train` still starts, and what it exits with")
    return Finding(
        "trainings", Severity.WARNING if advice else Severity.OK, words, "; ".join(advice), figures
    )


def sign_off(workspace: Workspace, now: dt.datetime, limits: Limits) -> Finding | None:
    """The versions that wait for their sign-off, and since when; or the one in production, if somebody
    rejected it. None if there is neither, and the use case asks for no sign-off. Raises as `model` does.
    """
    registry = registry_of(workspace)
    waiting, version = registry.waiting(), registry.current()
    figures: dict[str, object] = {
        "waiting": [
            {"version": info.version, "since": info.created.isoformat(), "days": _age(info, now)}
            for info in waiting
        ]
    }
    rejection = None if version is None else registry.info(version).sign_offs.rejection
    if rejection is not None:
        words = f"{version} is in production, though it was {rejection.words}: {rejection.note}"
        advice = "`newsletter-bandit models rollback --previous` takes it out"
        return Finding("sign-off", Severity.WARNING, words, advice, figures)
    if not waiting:
        asked_for = workspace.use_case.publication.wait_for_sign_off
        nothing = Finding("sign-off", Severity.OK, "nothing waits for it", figures=figures)
        return nothing if asked_for else None
    newest, limit = waiting[-1], limits.max_sign_off_days
    age = _age(newest, now)
    words = f"{newest.version} has waited for {days(age)}; expected within {days(limit)}"
    if len(waiting) > 1:
        words += f"; {len(waiting) - 1} older {'one waits' if len(waiting) == 2 else 'ones wait'} too"
    advice = (
        f"read its report, `newsletter-bandit report {newest.version}`; then {approving(newest.version)}, or "
        "the same with reject"
    )
    severity = Severity.WARNING if age > limit else Severity.OK
    return Finding("sign-off", severity, words, advice, figures)


def _age(info: VersionInfo, now: dt.datetime) -> int:
    return max(0, (now - info.created).days)


def registry_of(workspace: Workspace) -> Registry:
    """The registry of the workspace's use case."""
    return Registry(workspace.environment.registry, workspace.use_case.name)


def _step(workspace: Workspace) -> dt.timedelta:
    window = workspace.use_case.window
    return dt.timedelta(weeks=window.weeks - window.overlap_weeks)


def _missed(workspace: Workspace, today: dt.date, last: Look) -> int:
    """Windows that are complete and newer than the one that was judged last."""
    try:
        _, end = TrainingDays.of(workspace.use_case, today).window
    except SettingsError:  # none is complete
        return 0
    return max(0, (end - dt.date.fromisoformat(last.window[1])) // _step(workspace))


def _words(look: Look) -> str:
    verdict = look.verdict.replace("_", " ")
    if look.outcome == "published":
        return "published"
    if look.outcome == _NOT_CONCLUDED:
        return f"{verdict} (not concluded)"
    return _KEPT_OUT.get(look.outcome, verdict)
