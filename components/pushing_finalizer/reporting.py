"""The run's evidence as one record, and the page that people read."""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import replace

from components.pushing_finalizer.produced import Publication
from newsletter_bandit import records
from newsletter_bandit.files import write_text
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Decision, Drift, Explanation, Metrics, Refitted, Verdict
from newsletter_bandit.registry.registry import REPORT
from newsletter_bandit.reports import Evidence, page
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.window_log import WindowLog

_LOG, _OPTIONS = "log", "options"


def gathered(
    publication: Publication,
    evaluation_dir: str,
    decision_dir: str,
    use_case: UseCase,
    days: TrainingDays,
    log: str,
    drift_dir: str | None = None,
    found: WindowLog | None = None,
    refit_dir: str | None = None,
) -> Evidence:
    """All that is known of a run.

    Args:
      publication: what became of the model.
      evaluation_dir: folder with `metrics.json`, `verdict.json` and perhaps `explanation.json`.
      decision_dir: folder with `decision.json`.
      use_case: the settings that it was trained with.
      days: of the run.
      log: what is known of the window's rows and the command, as `to_text` makes it.
      drift_dir: folder with `drift.json`; None where nobody measured it.
      found: what an earlier step found in the window, in place of what travelled with the command; None for
        none.
      refit_dir: folder with `refit.json`; None where nobody trains twice.

    Raises:
      DataError: evidence is missing or damaged.
    """
    known = records.parse(log, "what is known of the window")
    return Evidence(
        use_case=use_case,
        metrics=Metrics.read(evaluation_dir),
        verdict=replace(Verdict.read(evaluation_dir), looks=publication.looks),
        decision=Decision.read(decision_dir),
        outcome=publication.outcome,
        version=publication.version,
        reason=publication.reason,
        run_date=days.run_date,
        window=days.window,
        log=found or known.optional(_LOG, lambda name: WindowLog.of(known.object(name))),
        options=known.text(_OPTIONS) if _OPTIONS in known else None,
        explanation=Explanation.if_there(evaluation_dir),
        drift=None if drift_dir is None else Drift.read(drift_dir),
        refit=None if refit_dir is None else Refitted.read(refit_dir),
    )


def report(registry: Registry, evidence: Evidence, folder: str) -> None:
    """Writes the report of a run, blessed or not, and puts the page beside its version, if it has one.

    Args:
      registry: registry of the use case.
      evidence: of the run.
      folder: gets `report.json` and `report.html`.
    """
    made = page(evidence, registry.versions(), dt.datetime.now(dt.UTC))
    evidence.write(folder)
    write_text(os.path.join(folder, REPORT), made)
    if evidence.version is not None:
        registry.add_report(evidence.version, made)


def to_text(log: WindowLog | None, options: str | None = None) -> str:
    """What is known of the window's rows and of the command's options, as the text in which it travels to the
    step.
    """
    given = {} if options is None else {_OPTIONS: options}
    return json.dumps({_LOG: None if log is None else log.body(), **given})
