"""A run's model is published, or not, for every outcome of the gate."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from pathlib import Path

import pytest

from components.evaluator.gate import LOGGING_POLICY
from components.pushing_finalizer.finalizing import PushedModel, finalize, pushed_model
from components.pushing_finalizer.produced import Publication
from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry, approve, model_digest, settings_digest
from newsletter_bandit.registry.evidence import VerdictName
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from tests.evidence_records import decision, explanation, metrics, verdict
from tests.tiny import make_use_case

PUSHED_AT = dt.datetime(2026, 11, 23, 10, 15, tzinfo=dt.UTC)


USE_CASE = make_use_case()
WAITS = make_use_case(publication={"wait_for_sign_off": True})
DAYS = TrainingDays.of(USE_CASE, dt.date(2026, 11, 23))


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
        metrics(rows=10).write(self.evaluation)
        decision().write(self.decision)
        self.registry = Registry(str(folder / "registry"), "tiny")

    def judge(self, outcome: VerdictName, *failed: str, compared_with: str = LOGGING_POLICY) -> None:
        found = dataclasses.replace(verdict(outcome, *failed), compared_with=compared_with)
        found.write(self.evaluation)

    def finalize(self, pushed: bool = True, later: int = 0, use_case: UseCase = USE_CASE) -> Publication:
        model = PushedModel(str(self.model), PUSHED_AT + dt.timedelta(seconds=later)) if pushed else None
        evaluation, decided = str(self.evaluation), str(self.decision)
        return finalize(self.registry, model, evaluation, decided, use_case, DAYS, "rows")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_pushed_model_is_published_with_its_evidence_and_put_into_production(
    run: Run, tmp_path: Path
) -> None:
    explanation().write(run.evaluation)
    publication = run.finalize()
    version = f"20261123T101500Z-{model_digest(str(run.model))[:8]}"
    assert publication == Publication("published", version, "blessed", looks=1)
    assert run.registry.current() == version
    folder = tmp_path / "registry" / "tiny" / version
    assert (folder / "model" / "Format-Serving" / "saved_model.pb").read_text() == "graph"
    # To the byte as the steps wrote it.
    judged = dataclasses.replace(verdict("blessed"), looks=1)  # but for the number of looks
    for record in (metrics(rows=10), judged, decision(), explanation()):
        assert (folder / record.FILE).read_text() == record.to_json()
    assert run.registry.explanation(version) == explanation()
    # The card is part of the version: the manifest has it.
    card = (folder / "model_card.md").read_bytes()
    assert card.startswith(f"# Model card: tiny, {version}\n".encode())
    assert (
        hashlib.sha256(card).hexdigest()
        == json.loads((folder / "manifest.json").read_text())["files"]["model_card.md"]
    )
    assert make_use_case() == make_use_case().from_json((folder / "use_case.json").read_text())


def test_the_same_model_pushed_again_keeps_its_version_and_evidence(run: Run) -> None:
    first = run.finalize()
    metrics(rows=11).write(run.evaluation)
    again = run.finalize(later=60)
    assert (again.published, again.version) == (True, first.version)
    assert run.registry.explanation(str(first.version)) is None  # nobody asked for it
    assert "before" in again.reason
    assert [info.metrics for info in run.registry.versions()] == [metrics(rows=10)]


@pytest.mark.parametrize("later", [60, 0, -60], ids=["later", "in one second", "by a slow clock"])
def test_another_model_is_another_and_newer_version(later: int, run: Run) -> None:
    first = run.finalize()
    (run.model / "saved_model.pb").write_text("other graph")
    run.judge("blessed", compared_with=str(first.version))
    second = run.finalize(later=later)
    assert [info.version for info in run.registry.versions()] == [first.version, second.version]
    assert run.registry.current() == second.version


def test_a_model_that_production_has_overtaken_is_published_but_not_placed(run: Run) -> None:
    first = run.finalize()
    (run.model / "saved_model.pb").write_text("other graph")
    second = run.finalize(later=60)  # it too was compared with the logging policy
    assert (second.outcome, second.published) == ("superseded", False)
    assert second.reason == f"compared with the logging policy, but {first.version} is in production now"
    assert run.registry.current() == first.version
    assert [info.version for info in run.registry.versions()] == [first.version, second.version]
    # The same model, judged against what is in production now.
    run.judge("blessed", compared_with=str(first.version))
    again = run.finalize(later=120)
    assert again == Publication(
        "published", second.version, "blessed; this model was published before", looks=1
    )
    assert run.registry.current() == second.version


def test_a_rolled_back_version_stays_until_it_is_unpinned(run: Run) -> None:
    first = run.finalize()
    run.registry.rollback(first.version)
    (run.model / "saved_model.pb").write_text("other graph")
    run.judge("blessed", compared_with=str(first.version))
    held = run.finalize(later=60)
    assert held == Publication("pinned", held.version, f"{first.version} is pinned", looks=1)
    assert run.registry.current() == first.version
    run.registry.unpin()
    assert run.finalize(later=60).published
    assert run.registry.current() == held.version


def test_a_use_case_may_wait_for_a_sign_off(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = run.finalize(use_case=WAITS)
    assert waits == Publication("waiting", waits.version, "it waits for sign-off", looks=1)
    assert waits.phrase == f"{waits.version} waits for sign-off"
    assert run.registry.current() is None
    assert [(look.outcome, look.version) for look in run.registry.looks.all()] == [("waiting", waits.version)]
    # A step that is tried again finds the same, and one whose model was approved meanwhile is there.
    assert run.finalize(use_case=WAITS, later=60).outcome == "waiting"
    approve(run.registry, str(waits.version), "ada", "ok", PUSHED_AT, seen="")
    assert run.finalize(use_case=WAITS, later=60).published
    # What has been superseded when it is pushed does not wait at all.
    (run.model / "saved_model.pb").write_text("other graph")
    assert run.finalize(use_case=WAITS, later=120).outcome == "superseded"
    # Killed before it is placed, a version waits all the same.
    (run.model / "saved_model.pb").write_text("a third graph")
    run.judge("blessed", compared_with=str(waits.version))
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "place", None)
        with pytest.raises(TypeError):
            run.finalize(use_case=WAITS, later=180)
    assert [info.standing for info in run.registry.versions()] == ["production", "superseded", "waiting"]


def test_the_setting_makes_no_look_a_new_one() -> None:
    assert settings_digest(WAITS.to_json()) == settings_digest(USE_CASE.to_json())
    assert settings_digest(make_use_case(eval_share=0.3).to_json()) != settings_digest(USE_CASE.to_json())


def test_each_evaluation_is_a_look_at_its_windows_rows(run: Run, tmp_path: Path) -> None:
    run.judge("cannot_tell", "value")
    assert run.finalize(pushed=False).looks == 1
    # The next candidate of the window, in a folder of its own.
    run.evaluation = tmp_path / "evaluation-2"
    run.evaluation.mkdir()
    metrics(rows=10).write(run.evaluation)
    run.judge("blessed")
    publication = run.finalize()
    assert publication.looks == 2
    (info,) = run.registry.versions()
    assert info.verdict == dataclasses.replace(verdict("blessed"), looks=2)
    first, second = run.registry.looks.all()
    assert (first.verdict, first.outcome, first.version) == ("cannot_tell", "not_blessed", None)
    assert (second.outcome, second.version) == ("published", publication.version)
    assert second.window == tuple(day.isoformat() for day in DAYS.window)
    assert second.rows == "rows"
    # A training on the same rows with the same settings would only repeat it.
    digest = settings_digest(USE_CASE.to_json())
    assert run.registry.looks.settled(second.window, digest, "rows", run.registry.current()) == second


def test_a_publication_from_before_races_were_told_apart_is_read(tmp_path: Path) -> None:
    outputs = {"publication": str(tmp_path)}
    for published, outcome in ((True, "published"), (False, "not_blessed")):
        version = "v1" if published else None
        content = {"published": published, "version": version, "reason": "a reason"}
        (tmp_path / "publication.json").write_text(json.dumps(content))
        found = Publication.of(outputs)
        assert (found.outcome, found.version, found.reason) == (outcome, version, "a reason")


def test_nothing_pushed_publishes_nothing_and_says_which_checks_failed(run: Run, tmp_path: Path) -> None:
    run.judge("cannot_tell", "effective sample size", "value")
    publication = run.finalize(pushed=False)
    publication.write(str(tmp_path))
    assert Publication.of({"publication": str(tmp_path)}) == publication
    assert json.loads((tmp_path / "publication.json").read_text()) == {
        "outcome": "not_blessed",
        "version": None,
        "reason": "cannot tell; failed: effective sample size, value",
        "looks": 1,
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


@pytest.mark.parametrize("outcome", ["not_blessed", "cannot_tell"])
def test_a_pushed_model_without_blessing_is_refused(run: Run, outcome: VerdictName) -> None:
    run.judge(outcome)
    with pytest.raises(DataError, match=f"verdict is '{outcome}', yet a model was pushed"):
        run.finalize()
    assert run.registry.versions() == []


@pytest.mark.parametrize(
    "name", ["evaluation/metrics.json", "evaluation/verdict.json", "decision/decision.json"]
)
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("[]", "found list"),
        ("{}", "no field"),
        ('{"format": 2}', "format is 2; allowed: 1, or none"),
    ],
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
