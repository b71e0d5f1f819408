"""A work folder as some weeks of trainings and predictions leave it: versions, runs, and a few rankings."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Verdict
from newsletter_bandit.reports import Evidence, page
from newsletter_bandit.reports.prediction_day import PredictionDay
from newsletter_bandit.reports.prediction_day import page as day_page
from newsletter_bandit.settings.environment import DuckDBWarehouse, Environment, SQLiteStore
from newsletter_bandit.settings.use_case import UseCase
from pipelines.events import StepEvent
from pipelines.local.run_record import RunRecord, page_of
from pipelines.workspace import Workspace
from serving.stores.sqlite import SQLiteStore as Rankings
from tests.evidence_records import metrics, model_figures, published
from tests.rankings import make_ranking
from tests.reports.made import FIRST, NAMES, SECOND, difference, evidence, overall, refused

# The third was superseded: it was compared with the first while the second was in production.
THIRD = "20261130T101500Z-33333333"
NOW = dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC)
SOMEBODY = "user <7> & söhne"
TRAINED, UNSURE, FAILED, PREDICTED = (
    "tiny-training-20261123T080000.000000Z",
    "tiny-training-20261116T080000.000000Z",
    "tiny-training-20261130T080000.000000Z",
    "tiny-prediction-20261201T060000.000000Z",
)


def workspace(workdir: Path) -> Workspace:
    """An empty work folder, with the use case's settings beside it."""
    use_case: UseCase = evidence().use_case
    environment = Environment(
        name="local", warehouse=DuckDBWarehouse(kind="duckdb"), store=SQLiteStore(kind="sqlite")
    )
    path = workdir / "tiny.yaml"
    path.write_text(use_case.to_json(), encoding="utf-8")  # YAML holds all that JSON does
    return Workspace(use_case, path, environment.in_workdir(workdir, use_case), workdir)


def registry_of(found: Workspace) -> Registry:
    return Registry(found.environment.registry, found.use_case.name)


def publish(found: Workspace, version: str, of: Evidence) -> None:
    model = found.workdir / "model"
    model.mkdir(exist_ok=True)
    (model / "saved_model.pb").write_text(version)
    files = published(of.metrics, of.verdict, of.decision)
    files["use_case.json"] = of.use_case.model_dump(mode="json")
    registry_of(found).publish(version, str(model), files)


def let_wait(found: Workspace, version: str, compared_with: str) -> None:
    """Publishes a version that waits for its sign-off."""
    one = evidence(outcome="waiting", compared_with=compared_with)
    publish(found, version, replace(one, verdict=Verdict("blessed", compared_with, ())))
    assert registry_of(found).place(version, compared_with, waits=True).outcome == "waiting"


def run(found: Workspace, name: str, of: Evidence | PredictionDay | None = None, **changes: Any) -> None:
    """Writes a run's record, and its page if there is evidence."""
    pipeline, _, start = name.rpartition("-")
    started = dt.datetime.strptime(start, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=dt.UTC)
    steps = [StepEvent("DuckDBExampleGen", "finished", 3.2, "80,000 rows")]
    record = RunRecord(pipeline, started.date(), started, 190.0, True, None, steps, None, of)
    path = replace(record, **changes).write(found.workdir)
    if of is not None:
        made = day_page(of) if isinstance(of, PredictionDay) else page(of)
        page_of(path).write_text(made, encoding="utf-8")


def lived_in(workdir: Path) -> Workspace:
    """Three versions, of which the second is in production; four runs; and three users' rankings."""
    found = workspace(workdir)
    first = replace(
        evidence(), metrics=metrics(rows=15_000, candidate=model_figures(value=0.11)), version=FIRST
    )
    second = replace(
        evidence(figures=overall(difference=difference(0.012, 0.004, 0.02)), compared_with=FIRST),
        use_case=evidence(exploration={"epsilon": 0.1}).use_case,
    )
    for version, one in ((FIRST, first), (SECOND, second), (THIRD, first)):
        publish(
            found, version, replace(one, verdict=Verdict(one.verdict.verdict, one.verdict.compared_with, ()))
        )
    registry = registry_of(found)
    assert registry.place(FIRST, None).placed
    assert registry.place(SECOND, FIRST).placed
    assert registry.place(THIRD, FIRST).outcome == "superseded"
    run(found, TRAINED, second)
    run(found, UNSURE, refused(rows=(800.0, 2000.0, "800 is not >= 2000")))
    broken = [StepEvent("ExampleValidator", "failed", 1.0, "colour: <unexpected>")]
    run(
        found,
        FAILED,
        succeeded=False,
        steps=broken,
        refusal="colour: found <unexpected>; allowed: the values of the schema",
    )
    run(found, PREDICTED, seconds=4000.0)
    day = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    rankings = Rankings(found.workdir / "rankings-tiny.sqlite")
    fields = {
        "use_case": "tiny",
        "recommenders": (NAMES[1], NAMES[0], NAMES[2]),
        "scores": (0.213, 0.18, -0.02),
        "propensities": (0.85, 0.5, 1.0),
        "model_version": SECOND,
        "generated_at": day,
    }
    rankings.put_many(
        [
            make_ranking(**fields, user_id=SOMEBODY, explored=True),
            make_ranking(**{**fields, "user_id": "old", "generated_at": day - dt.timedelta(days=9)}),
            make_ranking(**{**fields, "user_id": "foreign", "use_case": "another"}),
        ]
    )
    rankings.close()
    return found
