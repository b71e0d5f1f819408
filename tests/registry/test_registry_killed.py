"""A publisher that is killed at any step, and publishers that run at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Verdict
from tests.evidence_records import published
from tests.killing import COUNTED

OLD = "20261116T101500Z-1a2b3c4d"
NEW = "20261123T101500Z-5a2b3c4d"
# Publishes; with a number n > 0, kills itself before its n-th step that reaches the disk.
PROGRAM = f"""{COUNTED}
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Verdict
root, model, version = sys.argv[1:]
os.fsync, os.replace, os.rename = counted(os.fsync), counted(os.replace), counted(os.rename)
registry = Registry(root, "tiny")
verdict = Verdict("blessed", "logging policy", ())
registry.publish(version, model, {{verdict.FILE: verdict.content()}})
registry.set_current(version)
"""


# Puts a version into production that was compared with another one, when it is told to.
RACER = """
import sys
from newsletter_bandit.registry import Registry
root, version, compared_with = sys.argv[1:4]
registry = Registry(root, "tiny")
print("ready", flush=True)
sys.stdin.readline()
print(registry.place(version, compared_with).outcome)
"""


def publisher(root: Path, model: Path, version: str, kill_at: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, str(root), str(model), version, str(kill_at)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


def make_model(folder: Path) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph" * 1000)
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


@pytest.mark.slow
def test_killed_at_any_step_it_leaves_a_whole_version_or_none_and_a_rerun_mends_it(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    seen: set[tuple[int, str | None]] = set()
    kill_at = 0
    ended = -signal.SIGKILL
    while ended == -signal.SIGKILL:
        kill_at += 1
        root = tmp_path / f"registry-{kill_at}"
        registry = Registry(str(root), "tiny")
        registry.publish(OLD, str(model), {})
        registry.set_current(OLD)
        ended = publisher(root, model, NEW, kill_at).wait()

        for info in registry.versions():
            served = root / "tiny" / info.version / "model" / "Format-Serving"
            for path in (path for path in model.rglob("*") if path.is_file()):
                assert (served / path.relative_to(model)).read_bytes() == path.read_bytes()
        seen.add((len(registry.versions()), registry.current()))

        registry.publish(NEW, str(model), published(Verdict("blessed", "logging policy", ())))
        registry.set_current(NEW)
        assert [info.version for info in registry.versions()] == [OLD, NEW]
        assert registry.current() == NEW
        assert {path.name for path in (root / "tiny").iterdir()} == {OLD, NEW, "CURRENT", ".lock"}
    assert ended == 0
    # Killed before and after the version appeared, and before and after the pointer moved.
    assert seen == {(1, OLD), (2, OLD), (2, NEW)}


def test_of_trainings_that_end_at_once_one_goes_into_production(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    root = tmp_path / "registry"
    registry = Registry(str(root), "tiny")
    candidates = [f"20261123T10150{second}Z-5a2b3c4d" for second in range(4)]
    for version in (OLD, *candidates):
        registry.publish(version, str(model), {})
    registry.set_current(OLD)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(root), version, OLD],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for version in candidates
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes = {
        version: process.communicate()[0].strip()
        for version, process in zip(candidates, running, strict=True)
    }
    assert sorted(outcomes.values()) == ["placed", "superseded", "superseded", "superseded"]
    assert outcomes[registry.require_current()] == "placed"


def test_publishers_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    root = tmp_path / "registry"
    versions = [OLD, NEW, NEW, OLD]
    running = [publisher(root, model, version) for version in versions]
    assert [process.wait() for process in running] == [0] * len(versions)
    registry = Registry(str(root), "tiny")
    assert [info.version for info in registry.versions()] == [OLD, NEW]
    assert registry.current() in {OLD, NEW}
    assert {path.name for path in (root / "tiny").iterdir()} == {OLD, NEW, "CURRENT", ".lock"}
