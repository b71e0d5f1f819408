"""The registry in a bucket: TensorFlow's own client against the emulator of Cloud Storage."""

from __future__ import annotations

import datetime as dt
import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.pushing_finalizer.finalizing import finalize
from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.files import copy_tree, files_of, read_bytes, write_bytes
from newsletter_bandit.registry import Registry, approve
from newsletter_bandit.registry.evidence import Placement
from newsletter_bandit.registry.pointer import Pointer
from newsletter_bandit.registry.versions import created_at, model_digest, new_version
from newsletter_bandit.settings.run_day import TrainingDays
from tests.emulators.cloud_storage import StorageProxy, tensorflow_storage
from tests.emulators.google_services import PreconditionProxy
from tests.evidence_records import decision, metrics, published, verdict
from tests.publishing import Workplace
from tests.registry.made_candidates import candidate
from tests.tiny import make_use_case

if TYPE_CHECKING:
    from tests.emulators.google_services import GoogleServers

pytestmark = pytest.mark.emulator

FIRST = "20261123T101500Z-1a2b3c4d"
SECOND = "20261130T101500Z-0a2b3c4d"
THIRD = "20261206T101500Z-2a2b3c4d"
LAST = "20261208T101500Z-2a2b3c4d"
DAYS = TrainingDays.of(make_use_case(), dt.date(2026, 11, 23))
EVIDENCE = published(metrics(), verdict(), decision())


@pytest.fixture
def storage(google: GoogleServers, tmp_path: Path) -> Iterator[StorageProxy]:
    with tensorflow_storage(google.storage, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def preconditions(
    google: GoogleServers, storage: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PreconditionProxy]:
    """Between Google's client and the emulator."""
    with PreconditionProxy(google.storage) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
        yield proxy


@pytest.fixture
def root(google: GoogleServers, storage: StorageProxy) -> str:
    return f"gs://{google.bucket}/registry-{uuid.uuid4().hex[:8]}"


def make_model(folder: Path, factor: float) -> str:
    import tensorflow as tf

    class Times(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable(factor)

        @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return self.factor * x

    tf.saved_model.save(Times(), str(folder))
    return str(folder)


def test_versions_are_published_served_and_rolled_back(root: str, tmp_path: Path) -> None:
    import tensorflow as tf

    registry = Registry(root, "tiny")
    assert registry.versions() == []
    assert registry.current() is None
    for version, factor in ((FIRST, 2.0), (SECOND, 3.0)):
        registry.publish(version, make_model(tmp_path / version, factor), EVIDENCE)
        registry.set_current(version)
    assert [info.version for info in registry.versions()] == [FIRST, SECOND]
    assert registry.require_current() == SECOND
    assert json.loads(files_of(root).latest(f"{root}/tiny/CURRENT") or b"") == {"version": SECOND}

    # TensorFlow loads the model from the bucket, and a step that copies it has the very same files.
    loaded = tf.saved_model.load(f"{registry.current_model_uri()}/Format-Serving")
    assert float(loaded(tf.constant(5.0))) == 15.0
    copy_tree(registry.current_model_uri(), str(tmp_path / "copy"))
    for path in (tmp_path / SECOND).rglob("*"):
        if path.is_file():
            copied = tmp_path / "copy" / "Format-Serving" / path.relative_to(tmp_path / SECOND)
            assert copied.read_bytes() == path.read_bytes()

    assert registry.rollback() == FIRST
    assert registry.require_current() == FIRST
    # Another process sees the same.
    assert Registry(root, "tiny").current() == FIRST


def test_a_publication_that_breaks_off_leaves_the_pointer(
    root: str, storage: StorageProxy, tmp_path: Path
) -> None:
    registry = Registry(root, "tiny")
    registry.publish(FIRST, make_model(tmp_path / "first", 2.0), EVIDENCE)
    registry.set_current(FIRST)
    # A refusal is not retried.
    storage.fail("POST", "verdict.json", 403)
    with pytest.raises(SettingsError, match="permission denied"):
        registry.publish(SECOND, make_model(tmp_path / "second", 3.0), EVIDENCE)
    assert not storage.pending()
    assert registry.require_current() == FIRST
    with pytest.raises(DataError, match=f"no version {SECOND}; available: {FIRST}"):
        registry.set_current(SECOND)
    # A rerun repairs it.
    registry.publish(SECOND, str(tmp_path / "second"), EVIDENCE)
    registry.set_current(SECOND)
    assert registry.require_current() == SECOND


def test_what_may_not_be_looked_at_is_not_taken_for_empty(root: str, storage: StorageProxy) -> None:
    write_bytes(f"{root}/tiny/note.txt", b"a note")
    for look in (files_of(root).names, files_of(root).tree):
        storage.fail("GET", "tiny", 403)
        with pytest.raises(SettingsError, match=f"{root}/tiny: permission denied"):
            look(f"{root}/tiny")
        assert not storage.pending()
    assert files_of(root).names(f"{root}/nothing") == files_of(root).tree(f"{root}/nothing") == []


def test_of_trainings_that_end_at_once_one_goes_into_production(
    root: str, preconditions: PreconditionProxy, tmp_path: Path
) -> None:
    registry = Registry(root, "tiny")
    model = make_model(tmp_path / "model", 2.0)
    candidates = [f"20261207T10150{second}Z-1a2b3c4d" for second in range(4)]
    for version in (FIRST, *candidates):
        registry.publish(version, model, EVIDENCE)
    registry.set_current(FIRST)
    start = threading.Barrier(len(candidates))

    def place(version: str) -> str:
        start.wait()
        return Registry(root, "tiny").place(version, FIRST).outcome

    with ThreadPoolExecutor(len(candidates)) as threads:
        outcomes = dict(zip(candidates, threads.map(place, candidates), strict=True))
    assert sorted(outcomes.values()) == ["placed", "superseded", "superseded", "superseded"]
    assert outcomes[registry.require_current()] == "placed"


def test_a_candidate_is_approved_in_a_bucket(
    root: str, preconditions: PreconditionProxy, tmp_path: Path
) -> None:
    registry = Registry(root, "tiny")
    model = make_model(tmp_path / "model", 2.0)
    registry.publish(FIRST, model, EVIDENCE)
    registry.set_current(FIRST)
    candidate(registry, model, SECOND, FIRST)
    candidate(registry, model, THIRD, FIRST)
    assert [info.version for info in registry.waiting()] == [SECOND, THIRD]
    at = dt.datetime(2026, 12, 7, tzinfo=dt.UTC)
    start = threading.Barrier(3)

    def answer(by: str) -> bool:
        start.wait()
        return approve(Registry(root, "tiny"), SECOND, by, "ok", at).repeated

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(answer, ("ada", "bob", "eve"))) == [False] * 3
    info = registry.info(SECOND)
    assert {answer.by for answer in info.sign_offs.answers} == {"ada", "bob", "eve"}
    assert (info.is_current, info.placement) == (True, Placement("placed", FIRST, FIRST))
    with pytest.raises(
        DataError, match=f"{THIRD}: is superseded: it was compared with {FIRST}, and {SECOND}"
    ):
        approve(registry, THIRD, "ada", "ok", at)
    # A rollback between the answer and the pointer stands.
    candidate(registry, model, LAST, SECOND)
    preconditions.before_write = lambda: registry.set_current(FIRST, pinned=True)
    with pytest.raises(DataError, match=f"compared with {SECOND}, but {FIRST} is in production now; the"):
        approve(registry, LAST, "ada", "ok", at)
    assert registry.pointer() == Pointer(FIRST, pinned=True)


def test_a_rollback_between_look_and_move_stands(
    root: str, preconditions: PreconditionProxy, tmp_path: Path
) -> None:
    registry = Registry(root, "tiny")
    for version in (FIRST, SECOND, THIRD):
        registry.publish(version, make_model(tmp_path / version, 2.0), EVIDENCE)
    registry.set_current(SECOND)
    preconditions.before_write = lambda: registry.set_current(FIRST, pinned=True)
    placement = registry.place(THIRD, SECOND)
    assert preconditions.refused == 1
    assert (placement.outcome, placement.found) == ("superseded", FIRST)
    assert registry.pointer() == Pointer(FIRST, pinned=True)


def test_missing_evidence_is_named(root: str) -> None:
    with pytest.raises(DataError, match=f"{root}/evaluation/verdict.json: cannot be read"):
        finalize(
            Registry(root, "tiny"), None, f"{root}/evaluation", f"{root}/decision", make_use_case(), DAYS
        )


def test_what_passes_is_retried(root: str, storage: StorageProxy) -> None:
    storage.fail("POST", "note.txt", 503)
    write_bytes(f"{root}/note.txt", b"a note")
    assert not storage.pending()
    assert read_bytes(f"{root}/note.txt") == b"a note"
    assert files_of(root).names(root) == ["note.txt"]


@pytest.mark.pipeline
def test_the_steps_around_publishing_work_in_a_bucket(root: str, tmp_path: Path) -> None:
    import tensorflow as tf

    workplace = Workplace(tmp_path, root)
    workplace.make_candidate("one", 1.0)
    registry, model = workplace.registry, make_model(tmp_path / "production", 2.0)
    first = new_version(created_at(FIRST), model_digest(model))
    workplace.judge("one", "blessed", compared_with=first)
    registry.publish(first, model, EVIDENCE)
    registry.set_current(first)

    executions = workplace.run("one", blessed=True)
    production = executions.outputs("ProductionModel")["model"]
    copied = read_bytes(f"{production}/Format-Serving/saved_model.pb")
    assert copied == (tmp_path / "production" / "saved_model.pb").read_bytes()
    publication = f"{executions.outputs('PushingFinalizer')['publication']}/publication.json"
    second = json.loads(read_bytes(publication))
    assert (second["outcome"], second["reason"]) == ("published", "blessed")
    assert registry.require_current() == second["version"]
    served = tf.saved_model.load(f"{registry.current_model_uri()}/Format-Serving")
    answer = served.signatures["serving_default"](examples=tf.constant(["a user"]))
    assert answer["scores"].numpy().tolist() == [[-1.0]]
    # The criteria that the Pusher attached to what it pushed.
    assert answer["expires_after_days"].numpy().tolist() == [[8]]
