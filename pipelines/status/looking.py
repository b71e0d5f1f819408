"""One look at everything: a part that cannot be read is a finding, and the others are looked at all the same.

Nothing is written, and neither TensorFlow nor TFX is imported while the registry is on this machine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from newsletter_bandit.errors import UserError
from newsletter_bandit.warehouse.embedded import HeldError
from pipelines.status import production, rankings, tables
from pipelines.status.findings import Finding, Limits, Severity, Status
from pipelines.workspace import Workspace
from serving.stores.base import CorruptRankingError, StoreError


def look(workspace: Workspace, now: dt.datetime, limits: Limits | None = None) -> Status:
    """The state of the workspace's use case.

    Args:
      workspace: the use case and where it runs.
      now: an aware time; tables are judged as a run of its day, UTC, would judge them.
      limits: bounds beside those of the settings; by default those of `Limits`.
    """
    bounds = Limits() if limits is None else limits
    now = now.astimezone(dt.UTC)
    today = now.date()
    words = workspace.use_case.words
    found = findings(
        (words.units, lambda: tables.newsletters(workspace, today, bounds)),
        (words.subjects, lambda: tables.users(workspace, today, bounds)),
        ("model", lambda: production.model(workspace, now, bounds)),
        ("trainings", lambda: production.trainings(workspace, today, bounds)),
        ("sign-off", lambda: production.sign_off(workspace, now, bounds)),
        ("rankings", lambda: rankings.rankings(workspace, now, bounds)),
    )
    return Status(workspace.use_case.name, workspace.environment.name, now, found)


def findings(*parts: tuple[str, Callable[[], Finding | None]]) -> tuple[Finding, ...]:
    """The findings of the parts, each a subject and its look; one that cannot be read is a finding too."""
    found = (_found(subject, find) for subject, find in parts)
    return tuple(one for one in found if one is not None)


def _found(subject: str, find: Callable[[], Finding | None]) -> Finding | None:
    try:
        return find()
    except HeldError as error:  # a table is being filled, which ends by itself
        return Finding(subject, Severity.WARNING, f"not looked at: {error}")
    except (UserError, StoreError, CorruptRankingError) as error:
        return Finding(subject, Severity.CRITICAL, f"cannot be read: {error}")
