"""Finds what is known of a run or a version, so that its report can be made again."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import write_text
from newsletter_bandit.registry import Registry
from newsletter_bandit.reports import Evidence, page
from newsletter_bandit.reports.evidence import of_version
from pipelines.local.run_record import FOLDER, evidence_of, page_of
from pipelines.workspace import Workspace


def make(workspace: Workspace, name: str | None = None, output: Path | None = None) -> Path:
    """Makes the report of a run or a version again, with the history as it is now.

    Args:
      workspace: use case and environment.
      name: a run, by its file's name or start; or a version; of either, any beginning that is no other's.
        None is the newest run that came to a verdict; where there is none, the newest version.
      output: where the page goes; None is beside the run's record, or `runs/<version>.html`.

    Returns:
      The page.

    Raises:
      DataError: there is no such run or version, more than one, or what is known of it is damaged.
    """
    registry = Registry(workspace.environment.registry, workspace.use_case.name)
    evidence, place = _found(workspace, registry, name)
    if workspace.options is not None:
        # Of the command that runs now: the files may have moved since the training.
        evidence = replace(evidence, options=workspace.options)
    path = output or place
    write_text(path, page(evidence, registry.versions(), dt.datetime.now(dt.UTC)))
    return path


def of_window(workspace: Workspace, window: tuple[dt.date, dt.date]) -> Path | None:
    """The report of the newest run that judged a model on a window; None if this folder has none.

    Raises:
      DataError: the record of a run is damaged.
    """
    for path in _runs(workspace):
        evidence = evidence_of(path)
        if evidence is not None and evidence.window == window and page_of(path).is_file():
            return page_of(path)
    return None


def _pipeline(workspace: Workspace) -> str:
    return f"{workspace.use_case.name}-training-"


def _runs(workspace: Workspace) -> list[Path]:
    """The records of trainings, the newest first."""
    return sorted((workspace.workdir / FOLDER).glob(f"{_pipeline(workspace)}*.json"), reverse=True)


def _found(workspace: Workspace, registry: Registry, name: str | None) -> tuple[Evidence, Path]:
    pipeline, runs = _pipeline(workspace), _runs(workspace)
    versions = [info.version for info in registry.versions()]
    if name is None:
        for path in runs:
            evidence = evidence_of(path)
            if evidence is not None:
                return evidence, page_of(path)
        if not versions:
            raise DataError(
                f"{workspace.workdir / FOLDER}: no training of {workspace.use_case.name} that came to a "
                "verdict; run `newsletter-bandit train` first"
            )
        name = versions[-1]
    # A version's run knows more of it than the registry does.
    asked = {path: str(records.read(str(path)).content.get("version")) for path in runs}
    matching = [
        path
        for path, version in asked.items()
        if path.stem.startswith(name) or path.stem.removeprefix(pipeline).startswith(name)
    ] or [path for path, version in asked.items() if version.startswith(name)][:1]
    published = [version for version in versions if version.startswith(name)]
    if len(published) > 1 or len(matching) > 1:
        found = [path.stem for path in matching] if len(matching) > 1 else published
        raise DataError(f"{name}: is the beginning of {', '.join(found)}; use a longer one")
    if matching:
        evidence = evidence_of(matching[0])
        if evidence is not None:
            return evidence, page_of(matching[0])
    if published:
        version = published[0]
        return of_version(registry, version), workspace.workdir / FOLDER / f"{version}.html"
    available = [path.stem.removeprefix(pipeline) for path in runs] + versions
    raise DataError(
        f"{name}: no run with a verdict and no version of {workspace.use_case.name}; available: "
        f"{', '.join(available) or 'none'}"
    )
