"""Findings on the machine: installed packages, the work folder, and the clock."""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from newsletter_bandit.registry.versions import created_at
from pipelines.status.findings import Finding, Severity
from pipelines.status.production import registry_of
from pipelines.workspace import Workspace

_GB = 1e9
_PACKAGE = "newsletter-bandit"
_SHOWN = ("tfx", "tensorflow", "apache-beam")
# Clocks of two machines that are kept by NTP differ by less.
_CLOCKS_AGREE = dt.timedelta(minutes=2)


def packages() -> Finding:
    """Python and the installed packages, against what this release asks for."""
    faults = []
    required = [Requirement(text) for text in metadata.requires(_PACKAGE) or ()]
    needed = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    for one in needed:
        try:
            found = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            faults.append(f"{one.name}: none; needed: {one.specifier or 'any'}")
            continue
        if not one.specifier.contains(found, prereleases=True):
            faults.append(f"{one.name}: {found}; needed: {one.specifier}")
    shown = [f"Python {platform.python_version()}"]
    installed = {one.name for one in needed} & set(_SHOWN)
    shown += [f"{name} {metadata.version(name)}" for name in _SHOWN if name in installed and not faults]
    figures = {"python": platform.python_version(), "faults": faults}
    if faults:
        words = f"{shown[0]}; {'; '.join(faults)}"
        advice = "`make setup` in a checkout, or `pip install -r requirements.lock`"
        return Finding("packages", Severity.CRITICAL, words, advice, figures)
    return Finding(
        "packages", Severity.OK, f"{', '.join(shown)}; all {len(needed)} as needed", figures=figures
    )


def folder(workspace: Workspace, min_free_gb: float) -> Finding:
    """Whether the work folder can be written, and the space that is left on its disk.

    Args:
      workspace: its work folder need not be there yet.
      min_free_gb: gigabytes; with less left, it warns.
    """
    workdir = workspace.workdir
    there = _existing(workdir)
    free = shutil.disk_usage(there).free / _GB
    figures = {"path": str(workdir), "free_gb": round(free, 2)}
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        advice = "let the account that runs the commands write there, or give another one with --workdir"
        words = f"{there}: is no folder" if not there.is_dir() else f"{there}: cannot be written"
        return Finding("folder", Severity.CRITICAL, words, advice, figures)
    words = f"{workdir}: {free:,.1f} GB free"
    if free < min_free_gb:
        largest = sorted(((size, name) for name, size in _sizes(workdir)), reverse=True)[:3]
        words += f"; expected at least {min_free_gb:g}"
        if largest:
            words += f"; largest: {', '.join(f'{name} {size / _GB:,.1f} GB' for size, name in largest)}"
        return Finding("folder", Severity.WARNING, words, "make room on that disk", figures)
    return Finding("folder", Severity.OK, words, figures=figures)


def clock(workspace: Workspace, now: dt.datetime) -> Finding:
    """The machine's clock, against the work folder's file system and the newest version.

    Names of versions, expiry of rankings and ages of tables all rest on it.

    Args:
      workspace: its registry may be empty.
      now: an aware time.

    Raises:
      UserError: the registry cannot be read.
    """
    faults = []
    there = _existing(workspace.workdir)
    if os.access(there, os.W_OK | os.X_OK):
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-") as file:
            written = dt.datetime.fromtimestamp(os.stat(file.name).st_mtime, dt.UTC)
        apart = abs(written - dt.datetime.now(dt.UTC))
        if apart > _CLOCKS_AGREE:
            faults.append(f"the file system of {there} is {apart.total_seconds():,.0f} s apart from it")
    names = registry_of(workspace).names()
    if names and created_at(names[-1]) - now > _CLOCKS_AGREE:
        faults.append(f"the newest version, {names[-1]}, was published later than now")
    words = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if faults:
        return Finding("clock", Severity.WARNING, f"{words}; {'; '.join(faults)}", "set the clock by NTP")
    return Finding("clock", Severity.OK, words)


def _existing(path: Path) -> Path:
    """The path, or the nearest one above it that is there."""
    path = path.absolute()
    return next(one for one in (path, *path.parents) if one.exists())


def _sizes(workdir: Path) -> list[tuple[str, int]]:
    """Bytes of what the work folder holds, by name."""
    if not workdir.is_dir():
        return []
    return [
        (
            one.name,
            sum(
                file.lstat().st_size
                for file in (one.rglob("*") if one.is_dir() else (one,))
                if file.is_file()
            ),
        )
        for one in workdir.iterdir()
    ]
