"""The report of a run or a version, made again by its name or the beginning of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Look, Registry, approve, reject
from newsletter_bandit.reports import Evidence
from newsletter_bandit.reports.prediction_day import PredictionDay
from newsletter_bandit.settings.environment import DuckDBWarehouse, Environment, SQLiteStore
from pipelines.local import reports
from pipelines.local.run_record import RunRecord
from pipelines.workspace import Workspace
from tests.evidence_records import published
from tests.registry.made_candidates import candidate
from tests.reports.made import FIRST, SECOND, evidence, wrong_propensities
from tests.reports.made_day import day


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    use_case = evidence().use_case
    environment = Environment(
        name="local",
        warehouse=DuckDBWarehouse(kind="duckdb"),
        store=SQLiteStore(kind="sqlite"),
        registry=str(tmp_path / "registry"),
    )
    return Workspace(use_case, tmp_path / "tiny.yaml", environment, tmp_path)


def run(
    workspace: Workspace, on: int, found: Evidence | PredictionDay | None, pipeline: str = "training"
) -> Path:
    started = dt.datetime(2026, 11, on, 3, tzinfo=dt.UTC)
    record = RunRecord(f"tiny-{pipeline}", started.date(), started, 1.0, True, None, [], evidence=found)
    return record.write(workspace.workdir)


def publish(workspace: Workspace, version: str) -> None:
    found = evidence()
    model = workspace.workdir / "model"
    model.mkdir(exist_ok=True)
    (model / "saved_model.pb").write_text(version)
    files = published(found.metrics, found.verdict, found.decision)
    files["use_case.json"] = found.use_case.model_dump(mode="json")
    registry = Registry(workspace.environment.registry, workspace.use_case.name)
    registry.publish(version, str(model), files)
    registry.set_current(version)


def test_the_newest_run_with_a_verdict(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="no training of tiny that came to a verdict; run"):
        reports.make(workspace)
    run(workspace, 2, evidence())
    newest = run(workspace, 23, wrong_propensities())
    run(workspace, 24, None)  # a run that failed
    page = reports.make(workspace)
    assert page == newest.with_suffix(".html")
    assert "Cannot tell: do not go live" in page.read_text()


def test_a_run_or_a_version_by_its_beginning(workspace: Workspace) -> None:
    first = run(workspace, 2, replace(evidence(), version=FIRST))
    second = run(workspace, 23, replace(evidence(), version=SECOND))
    for name, expected in (
        ("tiny-training-20261102", first),
        ("20261123T0300", second),
        (SECOND, second),
        (FIRST[:12], first),
    ):
        assert reports.make(workspace, name) == expected.with_suffix(".html"), name
    chosen = workspace.workdir / "new folder" / "page.html"
    assert reports.make(workspace, SECOND, chosen) == chosen
    assert "Go live" in chosen.read_text()
    with pytest.raises(
        DataError, match=r"202611: is the beginning of tiny-training-20261123.*-20261102.*; use a longer one"
    ):
        reports.make(workspace, "202611")
    with pytest.raises(
        DataError, match=r"2025: no run with a verdict and no version of tiny; available: 2026"
    ):
        reports.make(workspace, "2025")


def test_the_page_of_a_prediction_day_by_its_beginning(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="no prediction of tiny with a page; run `newsletter-bandit predict`"):
        reports.newest_prediction(workspace)
    trained = run(workspace, 2, evidence())
    run(workspace, 2, day(), "prediction")
    newest = run(workspace, 25, day(), "prediction")
    failed = run(workspace, 26, None, "prediction")
    assert reports.newest_prediction(workspace) == newest
    for name in ("20261125", "tiny-prediction-20261125"):
        assert reports.make(workspace, name) == newest.with_suffix(".html"), name
    assert "Stored, nothing is wrong" in newest.with_suffix(".html").read_text()
    # Of both, a training is meant; without a name too.
    assert reports.make(workspace, "20261102") == reports.make(workspace) == trained.with_suffix(".html")
    assert "Go live" in trained.with_suffix(".html").read_text()
    with pytest.raises(DataError, match=r"is the beginning of tiny-prediction-20261126.*; use a longer one"):
        reports.make(workspace, "tiny-prediction-2026112")
    with pytest.raises(DataError, match=r"20261126.*: no evidence of a prediction day: the run failed"):
        reports.make(workspace, failed.stem)


def test_the_report_of_a_window(workspace: Workspace) -> None:
    window = evidence().window
    assert window is not None
    assert reports.of_window(workspace, window) is None
    judged = run(workspace, 2, evidence())
    run(workspace, 23, replace(evidence(), window=(window[1], window[1] + dt.timedelta(days=7))))
    # A record whose page is gone.
    assert reports.of_window(workspace, window) is None
    page = reports.make(workspace, "20261102")
    assert reports.of_window(workspace, window) == page == judged.with_suffix(".html")


def test_a_version_that_another_machine_trained(workspace: Workspace) -> None:
    publish(workspace, FIRST)
    publish(workspace, SECOND)
    looks = Registry(workspace.environment.registry, workspace.use_case.name).looks
    looks.note(Look(("2026-10-12", "2026-11-09"), "s", "r", "folder", "blessed", "logging policy"))
    looks.conclude("folder", "published", SECOND)
    page = reports.make(workspace)
    assert page == workspace.workdir / "runs" / f"{SECOND}.html"
    text = page.read_text()
    assert "12 Oct to 8 Nov 2026" in text
    assert f"newsletter-bandit models rollback {FIRST}" in text
    assert reports.make(workspace, FIRST[:12]).name == f"{FIRST}.html"


def test_a_report_made_again_says_that_its_model_was_approved_or_rejected(workspace: Workspace) -> None:
    publish(workspace, FIRST)
    registry = Registry(workspace.environment.registry, workspace.use_case.name)
    candidate(registry, str(workspace.workdir / "model"), SECOND, FIRST)
    # Of this machine's run, and of the registry's evidence alone.
    waits = evidence(outcome="waiting", compared_with=FIRST)
    path = run(workspace, 23, waits)
    elsewhere = workspace.workdir / "elsewhere"
    elsewhere.mkdir()
    places = (workspace, replace(workspace, workdir=elsewhere))

    def badges() -> list[str]:
        pages = [reports.make(place, SECOND).read_text() for place in places]
        assert all('id="sign-off"' in page for page in pages)
        return [page.partition("<title>")[2].partition(":")[0] for page in pages]

    assert badges() == ["Good, waits for your sign-off"] * 2
    at = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    reject(registry, SECOND, "bob", "too many deals", at)
    assert badges() == ["Rejected"] * 2
    approve(registry, SECOND, "ada", "deals are right", at, override=True)
    assert badges()[0] == "Go live"
    page = reports.make(workspace, SECOND).read_text()
    assert "although it was rejected by bob on 24 Nov 2026 (too many deals)" in page
    assert "approved by ada on 24 Nov 2026." in page
    assert path.with_suffix(".html").read_text() == page
