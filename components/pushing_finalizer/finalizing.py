"""Publishes a pushed model in the registry, with the evidence that it was blessed on."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from components.evaluator.gate import LOGGING_POLICY
from components.pusher.criteria import attach, criteria
from components.pushing_finalizer.produced import Publication
from components.pushing_finalizer.reporting import gathered, to_text
from components.serving_model_resolver.signatures import alias_signature
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import copy_tree
from newsletter_bandit.registry import (
    Look,
    Registry,
    model_digest,
    settings_digest,
    window_of,
)
from newsletter_bandit.registry.evidence import Placement, Statistics, Verdict, VerdictName
from newsletter_bandit.registry.registry import CARD, USE_CASE
from newsletter_bandit.reports import Evidence
from newsletter_bandit.reports.card import card
from newsletter_bandit.reports.libraries import libraries
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.window_log import WindowLog

BLESSED: VerdictName = "blessed"


@dataclass(frozen=True)
class PushedModel:
    """The model that the Pusher handed on.

    Attributes:
      model_dir: folder of the SavedModel.
      pushed_at: UTC; gives the version its time.
    """

    model_dir: str
    pushed_at: dt.datetime


def pushed_model(model_dir: str, pushed: int, pushed_version: str) -> PushedModel | None:
    """The model that TFX's properties `pushed` and `pushed_version` name; None if nothing was pushed.

    Raises:
      DataError: ``pushed_version`` is not a number of Unix seconds.
    """
    if not pushed:
        return None
    if not (pushed_version.isascii() and pushed_version.isdigit() and len(pushed_version) <= 10):
        raise DataError(
            f"{model_dir}: pushed_version is {pushed_version!r}; allowed: Unix seconds, as TFX's Pusher sets"
        )
    return PushedModel(model_dir, dt.datetime.fromtimestamp(int(pushed_version), dt.UTC))


def finalize(
    registry: Registry,
    pushed: PushedModel | None,
    evaluation_dir: str,
    decision_dir: str,
    use_case: UseCase,
    days: TrainingDays,
    rows: str = "",
    log: str | None = None,
    drift_dir: str | None = None,
    found: WindowLog | None = None,
    refit_dir: str | None = None,
    judged_model: str | None = None,
) -> Publication:
    """Publishes the model with its evidence and its card, then puts it into production.

    It does nothing if nothing was pushed.

    It goes into production only if what the gate compared it with is still there, and is not pinned, and if
    the use case does not wait for a sign-off. Otherwise the version stays in the registry, out of production,
    and the publication says why.

    The evaluation is counted among the looks at its window's rows, whatever comes of it.

    A model that the registry holds already keeps its version and the evidence published with it: a retried
    step, or a rerun whose training came from the cache, adds no second version.

    Args:
      registry: registry of the use case.
      pushed: the model, or None.
      evaluation_dir: folder with `metrics.json`, `verdict.json` and perhaps `explanation.json`.
      decision_dir: folder with `decision.json`.
      use_case: use case, which is kept beside the model.
      days: of the run.
      rows: fingerprint of the window's rows; "" where none was taken.
      log: what is known of the window's rows and the command, as `reporting.to_text` makes it; None for
        nothing.
      drift_dir: folder with `drift.json` and `statistics.json`; None where nobody measured them.
      found: what an earlier step found in the window; see `reporting.gathered`.
      refit_dir: folder with `refit.json`; None where nobody trains twice.
      judged_model: folder of the SavedModel that was judged; published beside a refit that took its place.

    Raises:
      DataError: evidence is missing or damaged, the pushed model was not blessed, or the registry is damaged.
    """
    verdict = Verdict.read(evaluation_dir)
    look = Look(
        window=window_of(days.window),
        settings=settings_digest(use_case.to_json()),
        rows=rows,
        evaluation=evaluation_dir,
        verdict=verdict.verdict,
        compared_with=verdict.compared_with,
    )
    verdict = replace(verdict, looks=registry.looks.note(look))

    def evidence(version: str) -> Evidence:
        publication = Publication("published", version, BLESSED, verdict.looks)
        known = to_text(None) if log is None else log
        return gathered(
            publication, evaluation_dir, decision_dir, use_case, days, known, drift_dir, found, refit_dir
        )

    waits = use_case.publication.wait_for_sign_off
    publication = _published(
        registry, pushed, verdict, evaluation_dir, evidence, drift_dir, judged_model, waits
    )
    registry.looks.conclude(evaluation_dir, publication.outcome, publication.version)
    return replace(publication, looks=verdict.looks)


def _published(
    registry: Registry,
    pushed: PushedModel | None,
    verdict: Verdict,
    evaluation_dir: str,
    evidence: Callable[[str], Evidence],
    drift_dir: str | None,
    judged_model: str | None,
    waits: bool,
) -> Publication:
    if pushed is None:
        return Publication("not_blessed", None, _why_not(verdict))
    if not verdict.blessed:
        raise DataError(
            f"{os.path.join(evaluation_dir, Verdict.FILE)}: verdict is {verdict.verdict!r}, yet a model was "
            f"pushed; allowed: {BLESSED}. Nothing was published."
        )
    compared_with = None if verdict.compared_with == LOGGING_POLICY else verdict.compared_with
    digest = model_digest(pushed.model_dir)
    version = registry.find(digest)
    reason = f"{BLESSED}; this model was published before"
    if version is None:
        reason = BLESSED
        version = registry.next_version(pushed.pushed_at, digest)
        # From the start on: a step that is killed now leaves no version that seems to have been approved.
        kept_out = Placement("waiting", compared_with, compared_with) if waits else None
        known = evidence(version)
        with _judged(known, judged_model) as beside:
            registry.publish(version, pushed.model_dir, _files(known, drift_dir), kept_out, beside)
    placement = registry.place(version, compared_with, waits)
    if placement.outcome == "placed":
        return Publication("published", version, reason)
    return Publication(placement.outcome, version, placement.reason)


@contextmanager
def _judged(evidence: Evidence, judged_model: str | None) -> Iterator[str | None]:
    """A folder with the judged model as it would be served; None where it is what is served."""
    if judged_model is None or evidence.refit is None or not evidence.refit.taken:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        copy_tree(judged_model, folder)
        alias_signature(folder, evidence.decision.policy)
        attach(folder, criteria(evidence.decision))
        yield folder


def _files(evidence: Evidence, drift_dir: str | None) -> Mapping[str, Mapping[str, Any] | str]:
    """What is published beside the model."""
    records = (evidence.metrics, evidence.verdict, evidence.decision, evidence.explanation, evidence.refit)
    files: dict[str, Mapping[str, Any] | str] = {
        record.FILE: record.content() for record in records if record is not None
    }
    files[USE_CASE] = json.loads(evidence.use_case.to_json())
    if evidence.drift is not None and drift_dir is not None:
        files[evidence.drift.FILE] = evidence.drift.content()
        files[Statistics.FILE] = Statistics.read(drift_dir).content()
    files[CARD] = card(evidence, libraries())
    return files


def _why_not(verdict: Verdict) -> str:
    reason = f"failed: {', '.join(verdict.failed)}" if verdict.failed else "nothing was pushed"
    return f"{verdict.words}; {reason}"
