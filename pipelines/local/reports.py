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
from newsletter_bandit.reports.prediction_day import page as day_page
from pipelines.local.run_record import FOLDER, day_of, evidence_of, page_of
from pipelines.workspace import Workspace

_TRAINING, _PREDICTION = "training", "prediction"


def make(workspace: Workspace, name: str | None = None, output: Path | None = None) -> Path:
    """Makes the report of a run or a version again, with the history as it is now.

    Args:
      workspace: use case and environment.
      name: a run, by its file's name or start; or a version; of either, any beginning that is no other's.
        A start is looked for among trainings first, then among predictions. None is the newest training that
        came to a verdict; where there is none, the newest version.
      output: where the page goes; None is beside the run's record, or `runs/<version>.html`.

    Returns:
      The page.

    Raises:
      DataError: there is no such run or version, more than one, or what is known of it is damaged.
    """
    registry = Registry(workspace.environment.registry, workspace.use_case.name)
    prediction = None if name is None else _prediction(workspace, registry, name)
    if prediction is not None:
        return of_day(workspace, prediction, output)
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


def newest_prediction(workspace: Workspace) -> Path:
    """The record of the newest prediction that stored rankings.

    Raises:
      DataError: there is none, or one is damaged.
    """
    found = next((path for path in _runs(workspace, _PREDICTION) if day_of(path) is not None), None)
    if found is None:
        raise DataError(
            f"{workspace.workdir / FOLDER}: no prediction of {workspace.use_case.name} with a page; run "
            "`newsletter-bandit predict` first"
        )
    return found


def of_day(workspace: Workspace, record: Path, output: Path | None = None) -> Path:
    """Makes the page of a prediction day again, and returns its path.

    Args:
      workspace: use case and environment.
      record: of the run.
      output: where the page goes; None is beside the record.

    Raises:
      DataError: the run stored no rankings, an earlier version of newsletter-bandit recorded it, or the
        record is damaged.
    """
    found = day_of(record)
    if found is None:
        raise DataError(
            f"{record}: no evidence of a prediction day: the run failed, or an earlier version of "
            "newsletter-bandit recorded it; predict again"
        )
    day, took = found
    if workspace.options is not None:
        day = replace(day, options=workspace.options)
    path = output or page_of(record)
    write_text(path, day_page(day, took))
    return path


def _prediction(workspace: Workspace, registry: Registry, name: str) -> Path | None:
    """The record of the prediction that is meant; None where a training or a version is."""
    trainings = [path for path in _runs(workspace) if _named(path, workspace, _TRAINING, name)]
    if trainings or any(info.version.startswith(name) for info in registry.versions()):
        return None
    matching = [path for path in _runs(workspace, _PREDICTION) if _named(path, workspace, _PREDICTION, name)]
    if len(matching) > 1:
        found = ", ".join(path.stem for path in matching)
        raise DataError(f"{name}: is the beginning of {found}; use a longer one")
    return matching[0] if matching else None


def _named(path: Path, workspace: Workspace, kind: str, name: str) -> bool:
    """The record's name, or the start in it, begins like that."""
    return path.stem.startswith(name) or path.stem.removeprefix(_pipeline(workspace, kind)).startswith(name)


def _pipeline(workspace: Workspace, kind: str = _TRAINING) -> str:
    return f"{workspace.use_case.name}-{kind}-"


def _runs(workspace: Workspace, kind: str = _TRAINING) -> list[Path]:
    """The records of runs, the newest first."""
    return sorted((workspace.workdir / FOLDER).glob(f"{_pipeline(workspace, kind)}*.json"), reverse=True)


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
    matching = [path for path, version in asked.items() if _named(path, workspace, _TRAINING, name)] or [
        path for path, version in asked.items() if version.startswith(name)
    ][:1]
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
    predictions = [path.stem for path in _runs(workspace, _PREDICTION)]
    available = [path.stem.removeprefix(pipeline) for path in runs] + versions + predictions
    raise DataError(
        f"{name}: no run with a verdict and no version of {workspace.use_case.name}; available: "
        f"{', '.join(available) or 'none'}"
    )
