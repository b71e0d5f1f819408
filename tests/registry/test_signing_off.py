"""Approving and rejecting a version: what is kept, what moves, and each refusal."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit import files
from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.registry import Registry, approve, reject
from newsletter_bandit.registry.evidence import Placement, SignOff, SignOffs
from newsletter_bandit.registry.pointer import Pointer
from tests.evidence_records import decision, metrics, published, verdict
from tests.killing import COUNTED
from tests.registry.made_candidates import FIRST, OLD, SECOND, WINDOW, candidate, model_in, waiting

AT = dt.datetime(2026, 12, 1, 9, 30, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(hours=1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return waiting(tmp_path)


def answers(registry: Registry, version: str = FIRST) -> list[tuple[str, str, str]]:
    return [(one.answer, one.by, one.note) for one in registry.info(version).sign_offs.answers]


def outcome(registry: Registry, version: str = FIRST) -> str:
    return next(look.outcome for look in registry.looks.all() if look.version == version)


def test_a_version_that_waits_stays_out_until_it_is_approved(registry: Registry) -> None:
    assert [info.version for info in registry.waiting()] == [FIRST, SECOND]
    assert (registry.current(), registry.info(FIRST).standing) == (OLD, "waiting")
    signed = approve(registry, FIRST, " ada ", "read the report ", AT)
    assert (signed.repeated, signed.moved, signed.production) == (False, True, FIRST)
    assert signed.answer == SignOff("approved", "ada", AT, "read the report", OLD)
    assert signed.answer.words == "approved by ada on 1 Dec 2026"
    assert registry.pointer() == Pointer(FIRST)
    info = registry.info(FIRST)
    assert (info.standing, info.placement) == ("production", Placement("placed", OLD, OLD))
    assert outcome(registry) == "published"
    # The other one was compared with what is no longer there.
    assert (registry.info(SECOND).standing, registry.waiting()) == ("superseded", [])


def test_the_file_is_a_record_of_its_own_format(registry: Registry, tmp_path: Path) -> None:
    approve(registry, FIRST, "ada", "read", AT)
    path = tmp_path / "registry" / "tiny" / FIRST / "sign_offs.json"
    assert json.loads(path.read_text()) == {
        "format": 1,
        "answers": [
            {
                "answer": "approved",
                "by": "ada",
                "at": "2026-12-01T09:30:00+00:00",
                "note": "read",
                "compared_with": OLD,
                "overrode": "",
            }
        ],
    }
    for change, said in (
        ({"format": 2}, "format is 2; allowed: 1"),
        ({"answers": [{"at": "yesterday"}]}, "at is 'yesterday'; allowed: a time with a zone"),
        (
            {"answers": [{"at": "2026-12-01T09:30:00"}]},
            "at is '2026-12-01T09:30:00'; allowed: a time with a zone",
        ),
    ):
        path.write_text(json.dumps({"format": 1, **change}))
        with pytest.raises(DataError, match=f"{FIRST}/sign_offs.json: {said}"):
            registry.info(FIRST)


def test_answers_are_kept_in_order_and_the_same_one_only_once(registry: Registry) -> None:
    approve(registry, FIRST, "ada", "first", AT)
    again = approve(registry, FIRST, "ada", "second", LATER)
    assert (again.repeated, again.moved, again.answer.note) == (True, False, "first")
    assert not approve(registry, FIRST, "bob", "seen too", LATER).repeated
    assert approve(registry, FIRST, "ada", "third", LATER).repeated
    assert answers(registry) == [("approved", "ada", "first"), ("approved", "bob", "seen too")]
    # A version that did not have to wait may be signed off as well.
    registry.rollback(OLD)
    assert approve(registry, OLD, "ada", "as ever", LATER).moved is False
    assert registry.pointer() == Pointer(OLD, pinned=True)
    assert answers(registry, OLD) == [("approved", "ada", "as ever")]


def test_a_rejected_version_stays_out(registry: Registry) -> None:
    said = reject(registry, FIRST, "bob", "too many deals", AT)
    assert (said.moved, said.production, registry.current()) == (False, OLD, OLD)
    assert reject(registry, FIRST, "bob", "still", LATER).repeated
    assert (registry.info(FIRST).standing, outcome(registry)) == ("rejected", "rejected")
    assert [info.version for info in registry.waiting()] == [SECOND]
    no = "was rejected by bob on 1 Dec 2026 \\(too many deals\\)"
    with pytest.raises(DataError, match=f"{FIRST}: {no}; train on newer rows; or approve it all the same"):
        approve(registry, FIRST, "ada", "why not", LATER)
    with pytest.raises(DataError, match=f"{FIRST}: {no}; .*models approve {FIRST} .* add --override"):
        registry.rollback(FIRST)
    assert registry.pointer() == Pointer(OLD)
    approve(registry, FIRST, "ada", "deals are right", LATER, override=True)
    assert registry.current() == FIRST
    last = registry.info(FIRST).sign_offs.last
    assert last is not None
    assert last.overrode == "was rejected by bob on 1 Dec 2026 (too many deals)"
    assert [by for _, by, _ in answers(registry)] == ["bob", "ada"]
    # Rejected in production: it stays there, and a rollback to the version before passes over no other.
    said = reject(registry, FIRST, "bob", "no", LATER)
    assert (said.production, registry.current()) == (FIRST, FIRST)
    registry.publish("20261207T101500Z-4a2b3c4d", model_in(Path(registry.model_uri("m"))), {})
    registry.set_current("20261207T101500Z-4a2b3c4d")
    assert registry.rollback() == OLD


def test_a_rollback_takes_nothing_that_was_never_approved(registry: Registry) -> None:
    for version in (FIRST, SECOND):
        with pytest.raises(DataError, match=f"{version}: waits for its sign-off, and was never in"):
            registry.rollback(version)
    approve(registry, SECOND, "ada", "ok", AT)
    # Superseded since, and still approved by nobody.
    with pytest.raises(DataError, match=f"{FIRST}: waits for its sign-off"):
        registry.rollback(FIRST)
    assert registry.rollback() == OLD
    assert registry.rollback(SECOND) == SECOND


def superseded(registry: Registry) -> None:
    approve(registry, SECOND, "ada", "ok", AT)


def pinned(registry: Registry) -> None:
    registry.pin()


def replaced(registry: Registry) -> None:
    approve(registry, FIRST, "ada", "ok", AT)
    registry.set_current(OLD)


def not_blessed(registry: Registry) -> None:
    found = dataclasses.replace(verdict("not_blessed"), compared_with=OLD)
    (Path(registry.model_uri(FIRST)).parent / "verdict.json").write_text(found.to_json())


def no_verdict(registry: Registry) -> None:
    (Path(registry.model_uri(FIRST)).parent / "verdict.json").unlink()


@pytest.mark.parametrize(
    ("meanwhile", "said", "yields"),
    [
        (
            superseded,
            f"is superseded: it was compared with {OLD}, and {SECOND} is in production now, of which its "
            "verdict says nothing; `newsletter-bandit train --again` judges",
            True,
        ),
        (
            pinned,
            f"cannot go into production, because {OLD} is pinned; `newsletter-bandit models unpin`",
            False,
        ),
        (
            replaced,
            f"was in production before, and {OLD} is now; `newsletter-bandit models rollback {FIRST}`",
            True,
        ),
        (not_blessed, "is not blessed \\(not blessed\\); only a version that the gate has blessed", False),
        (no_verdict, "has no verdict; only a version that the gate has blessed can be approved", False),
    ],
)
def test_what_speaks_against_an_approval_is_named_and_keeps_nothing(
    meanwhile: Callable[[Registry], object], said: str, yields: bool, registry: Registry
) -> None:
    meanwhile(registry)
    before, kept = registry.pointer(), answers(registry)
    with pytest.raises(DataError, match=f"^{FIRST}: {said}.*Nothing was changed.") as refused:
        approve(registry, FIRST, "eve", "go", LATER)
    assert ("--override" in str(refused.value)) == yields
    assert (registry.pointer(), answers(registry)) == (before, kept)
    if not yields:
        with pytest.raises(DataError, match=f"^{FIRST}: {said}"):
            approve(registry, FIRST, "eve", "go", LATER, override=True)
        return
    assert approve(registry, FIRST, "eve", "go", LATER, override=True).moved
    assert registry.current() == FIRST
    last = registry.info(FIRST).sign_offs.last
    assert last is not None
    assert last.overrode in said.replace("\\", "")
    assert approve(registry, FIRST, "eve", "go", LATER).repeated


@pytest.mark.parametrize(
    ("by", "note", "said"),
    [
        ("ada", " ", "`note`: found ''; allowed: 1 to 1000 printable characters, one line"),
        ("ada", "a\nb", "`note`: found 'a\\\\nb'; allowed"),
        ("ada", "a" * 1001, "`note`: found 1001 characters; allowed"),
        ("", "why", "`by`: found ''; allowed: 1 to 100"),
    ],
)
def test_an_answer_without_name_or_reason_is_refused(
    by: str, note: str, said: str, registry: Registry
) -> None:
    for act in (approve, reject):
        with pytest.raises(SettingsError, match=said):
            act(registry, FIRST, by, note, AT)
    assert (answers(registry), registry.current()) == ([], OLD)


def test_who_saw_another_production_approves_nothing(registry: Registry) -> None:
    with pytest.raises(DataError, match=f"production changed meanwhile: it was nothing, and is {OLD}"):
        approve(registry, FIRST, "ada", "ok", AT, seen="")
    assert approve(registry, FIRST, "ada", "ok", AT, seen=OLD).moved


def test_what_comes_between_an_approval_and_the_pointer_is_said(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = Registry.sign

    def sign_and_pin(self: Registry, *args: Any) -> None:
        sign(self, *args)
        self.pin()

    with monkeypatch.context() as patched:
        patched.setattr(Registry, "sign", sign_and_pin)
        with pytest.raises(DataError, match=f"approved by ada .*, but not in production: {OLD} is pinned;"):
            approve(registry, FIRST, "ada", "ok", AT)
    assert (registry.current(), answers(registry)) == (OLD, [("approved", "ada", "ok")])
    registry.unpin()
    # The same again completes it.
    signed = approve(registry, FIRST, "ada", "ok", LATER)
    assert (signed.repeated, signed.moved, registry.current()) == (True, True, FIRST)


def test_the_first_model_of_all_may_wait_too(tmp_path: Path) -> None:
    registry, model = Registry(str(tmp_path / "registry"), "tiny"), model_in(tmp_path / "model")
    candidate(registry, model, FIRST, None)
    assert registry.current() is None
    with pytest.raises(
        DataError, match=f"nothing is in production; .*{FIRST} waits for sign-off: `newsletter-bandit mod"
    ):
        registry.require_current()
    approve(registry, FIRST, "ada", "ok", AT, seen="")
    assert registry.require_current() == FIRST


def test_a_version_that_a_pin_kept_out_may_be_approved_without_the_pin(tmp_path: Path) -> None:
    registry = waiting(tmp_path)
    third = "20261207T101500Z-4a2b3c4d"
    registry.publish(third, model_in(tmp_path / "model"), published(metrics(), verdict(), decision()))
    registry.pin()
    assert registry.place(third, OLD).outcome == "pinned"
    registry.unpin()
    assert approve(registry, third, "ada", "ok", AT).moved


# Approves; with a number n > 0, kills itself before its n-th step that reaches the disk.
PROGRAM = f"""{COUNTED}
import datetime as dt
from newsletter_bandit.registry import Registry, approve
root, version, by = sys.argv[1:]
os.replace = counted(os.replace)
registry = Registry(root, "tiny")
print("ready", flush=True)
sys.stdin.readline()
approve(registry, version, by, "ok", dt.datetime(2026, 12, 1, 9, 30, tzinfo=dt.UTC))
"""


def approver(registry: Registry, version: str, by: str, kill_at: int = 0) -> subprocess.Popen[str]:
    root = Path(registry.model_uri(version)).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), version, by, str(kill_at)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_at_any_step_it_is_completed_by_the_same_again(tmp_path: Path) -> None:
    seen, kill_at, ended = [], 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        kill_at += 1
        registry = waiting(tmp_path / str(kill_at))
        process = approver(registry, FIRST, "ada", kill_at)
        process.communicate("go\n")
        ended = process.returncode
        info = registry.info(FIRST)
        assert info.placement is not None
        found = (len(info.sign_offs.answers), info.is_current, info.placement.outcome, outcome(registry))
        seen.append(found)
        again = approve(registry, FIRST, "ada", "ok", LATER)
        assert again.repeated == (seen[-1][0] == 1)
        info = registry.info(FIRST)
        assert (registry.current(), info.placement) == (FIRST, Placement("placed", OLD, OLD))
        assert (answers(registry), outcome(registry)) == ([("approved", "ada", "ok")], "published")
    # Before the answer, before the pointer, before the placement, before the look, and to the end.
    assert seen == [
        (0, False, "waiting", "waiting"),
        (1, False, "waiting", "waiting"),
        (1, True, "waiting", "waiting"),
        (1, True, "placed", "waiting"),
        (1, True, "placed", "published"),
    ]


@pytest.mark.parametrize("versions", [(FIRST, FIRST), (FIRST, SECOND)])
def test_of_two_approvals_at_once_both_are_kept_and_one_model_gets_there(
    versions: tuple[str, str], registry: Registry
) -> None:
    running = [approver(registry, version, by) for version, by in zip(versions, ("ada", "bob"), strict=True)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[1] for process in running]
    if versions[0] == versions[1]:
        assert [process.returncode for process in running] == [0, 0], told
        assert {by for _, by, _ in answers(registry)} == {"ada", "bob"}
        assert registry.current() == FIRST
    else:
        assert sorted(process.returncode for process in running) == [0, 1], told
        winner = versions[[process.returncode for process in running].index(0)]
        assert registry.current() == winner
        assert sum("is superseded" in words or "is in production now" in words for words in told) == 1


def test_an_answer_that_comes_while_one_approves_is_heeded() -> None:
    no = SignOff("rejected", "bob", AT, "no", OLD)
    yes = SignOff("approved", "ada", AT, "ok", OLD)
    assert SignOffs((yes, no)).rejection == no
    assert SignOffs((no, yes)).rejection is None
    # After an answer of another kind, the same one again is a new one.
    assert SignOffs((yes, no)).given(yes) is None
    assert SignOffs((yes, dataclasses.replace(yes, by="bob"))).given(yes) == yes
    # So it is after another comparison.
    assert SignOffs((yes,)).given(dataclasses.replace(yes, compared_with=FIRST)) is None


def test_a_training_is_not_repeated_while_its_model_waits_or_was_rejected(registry: Registry) -> None:
    def settled() -> str | None:
        found = registry.looks.settled(WINDOW, "settings", "rows", registry.current())
        return None if found is None else found.words.rpartition("; ")[2]

    assert settled() == f"{SECOND} waits for sign-off"
    reject(registry, SECOND, "bob", "no", AT)
    assert settled() == f"{SECOND} was rejected"
    approve(registry, FIRST, "ada", "ok", AT)
    registry.looks.conclude(FIRST, "waiting", FIRST)  # killed after the pointer had moved
    assert settled() == f"{FIRST} waits for sign-off"


@pytest.mark.parametrize("what", ["placement", "report"])
def test_an_answer_does_not_clear_away_what_another_one_is_writing(
    what: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = threading.Thread(target=lambda: reject(registry, FIRST, "bob", "no", AT))
    copy = shutil.copyfileobj

    def slow_copy(*args: Any) -> None:
        if not answering.ident:
            answering.start()
            answering.join(0.3)
        copy(*args)

    monkeypatch.setattr(files.shutil, "copyfileobj", slow_copy)
    if what == "placement":
        assert registry.place(FIRST, OLD, waits=True).outcome == "waiting"
    else:
        registry.add_report(FIRST, "<p>a page</p>")
    answering.join()
    assert answers(registry) == [("rejected", "bob", "no")]
