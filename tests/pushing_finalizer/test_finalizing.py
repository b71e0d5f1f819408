"""What becomes of a run's model."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from components.pushing_finalizer.finalizing import PushedModel, finalize, pushed_model
from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry, model_digest
from tests.tiny import make_use_case

PUSHED_AT = dt.datetime(2026, 11, 23, 10, 15, tzinfo=dt.UTC)


class Run:
    """A pushed model and its evidence."""

    def __init__(self, folder: Path) -> None:
        self.model = folder / "pushed"
        self.model.mkdir()
        (self.model / "saved_model.pb").write_text("graph")
        self.evaluation = folder / "evaluation"
        self.evaluation.mkdir()
        self.decision = folder / "decision"
        self.decision.mkdir()
        self.judge("blessed")
        (self.evaluation / "metrics.json").write_text('{"overall": {"rows": 10}}')
        (self.decision / "decision.json").write_text('{"policy": "serving_policy"}')
        self.registry = Registry(str(folder / "registry"), "tiny")

    def judge(self, verdict: str, *failed: str) -> None:
        checks = [{"name": "rows", "passed": True}, {"name": "AUC against production", "passed": None}]
        checks += [{"name": name, "passed": False} for name in failed]
        text = json.dumps({"verdict": verdict, "compared_with": "logging policy", "checks": checks})
        (self.evaluation / "verdict.json").write_text(text)

    def finalize(self, pushed: bool = True, later: int = 0) -> Any:
        model = PushedModel(str(self.model), PUSHED_AT + dt.timedelta(seconds=later)) if pushed else None
        return finalize(self.registry, model, str(self.evaluation), str(self.decision), make_use_case())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_pushed_model_is_published_with_its_evidence_and_put_into_production(
    run: Run, tmp_path: Path
) -> None:
    publication = run.finalize()
    version = f"20261123T101500Z-{model_digest(str(run.model))[:8]}"
    assert (publication.published, publication.version, publication.reason) == (True, version, "blessed")
    assert run.registry.current() == version
    folder = tmp_path / "registry" / "tiny" / version
    assert (folder / "model" / "Format-Serving" / "saved_model.pb").read_text() == "graph"
    assert json.loads((folder / "metrics.json").read_text()) == {"overall": {"rows": 10}}
    assert json.loads((folder / "verdict.json").read_text())["verdict"] == "blessed"
    assert json.loads((folder / "decision.json").read_text()) == {"policy": "serving_policy"}
    assert make_use_case() == make_use_case().from_json((folder / "use_case.json").read_text())


def test_the_same_model_pushed_again_keeps_its_version_and_evidence(run: Run) -> None:
    first = run.finalize()
    (run.evaluation / "metrics.json").write_text('{"overall": {"rows": 11}}')
    again = run.finalize(later=60)
    assert (again.published, again.version) == (True, first.version)
    assert "before" in again.reason
    assert [info.figures for info in run.registry.versions()] == [{"rows": 10.0}]


def test_another_model_is_another_version(run: Run) -> None:
    first = run.finalize()
    (run.model / "saved_model.pb").write_text("other graph")
    second = run.finalize(later=60)
    assert [info.version for info in run.registry.versions()] == [first.version, second.version]
    assert run.registry.current() == second.version


def test_nothing_pushed_publishes_nothing_and_says_which_checks_failed(run: Run) -> None:
    run.judge("cannot_tell", "effective sample size", "value")
    publication = run.finalize(pushed=False)
    assert json.loads(publication.to_json()) == {
        "published": False,
        "version": None,
        "reason": "cannot tell; failed: effective sample size, value",
    }
    assert run.registry.versions() == []


def test_nothing_pushed_leaves_production_alone(run: Run) -> None:
    first = run.finalize()
    run.judge("not_blessed", "value")
    run.finalize(pushed=False)
    assert run.registry.current() == first.version


def test_the_pushers_properties_are_read() -> None:
    assert pushed_model("folder", 0, "") is None
    assert pushed_model("folder", 1, "1795428900") == PushedModel("folder", PUSHED_AT)


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["", "v1", "-5", "17954289001", "1.5"])
def test_a_pushed_version_that_is_no_time_is_refused(version: str) -> None:
    with pytest.raises(DataError, match="pushed_version"):
        pushed_model("folder", 1, version)


@pytest.mark.parametrize("verdict", ["not_blessed", "cannot_tell"])
def test_a_pushed_model_without_blessing_is_refused(run: Run, verdict: str) -> None:
    run.judge(verdict)
    with pytest.raises(DataError, match=f"verdict is '{verdict}', yet a model was pushed"):
        run.finalize()
    assert run.registry.versions() == []


@pytest.mark.parametrize(
    "name", ["evaluation/metrics.json", "evaluation/verdict.json", "decision/decision.json"]
)
@pytest.mark.parametrize(
    ("content", "found"), [(None, "cannot be read"), ("{", "not JSON"), ("[]", "found list")]
)
def test_damaged_evidence_is_refused_and_nothing_published(
    run: Run, tmp_path: Path, name: str, content: str | None, found: str
) -> None:
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=f"{name}: {found}"):
        run.finalize()
    assert run.registry.versions() == []
    assert run.registry.current() is None
