"""The examination: each part by itself, so that one that cannot be looked at hides no other."""

from __future__ import annotations

import datetime as dt

from pipelines.doctor import configured, machine, stored
from pipelines.status.findings import Status
from pipelines.status.looking import findings
from pipelines.workspace import Workspace


def examine(workspace: Workspace, now: dt.datetime, min_free_gb: float = 5.0) -> Status:
    """What is wrong with the workspace's set-up, and what to do about it; nothing is changed.

    Args:
      workspace: use case, environment and work folder, whose settings could be read.
      now: an aware time.
      min_free_gb: gigabytes; with less left on the work folder's disk, it warns.
    """
    now = now.astimezone(dt.UTC)
    found = findings(
        ("packages", machine.packages),
        ("folder", lambda: machine.folder(workspace, min_free_gb)),
        ("clock", lambda: machine.clock(workspace, now)),
        ("settings", lambda: configured.queries(workspace)),
        ("schema", lambda: configured.schema(workspace)),
        ("access", lambda: configured.access(workspace)),
        ("tables", lambda: stored.tables(workspace)),
        ("registry", lambda: stored.registry(workspace)),
        ("rankings", lambda: stored.rankings(workspace)),
        ("metadata", lambda: stored.metadata(workspace)),
    )
    return Status(workspace.use_case.name, workspace.environment.name, now, found)
