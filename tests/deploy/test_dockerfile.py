"""The Dockerfile without Docker: linted, in step with the lock, and copying only what the context holds."""

from __future__ import annotations

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.image_environment import ROOT, SOURCES
from tests.locked import DEPLOYED_PYTHON, locked

DOCKERFILE = ROOT / "Dockerfile"


@pytest.fixture(scope="module")
def instructions() -> list[list[str]]:
    """Instructions in their order, continued lines joined, split into words."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE.read_text()))
    return [shlex.split(line) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def final_stage(instructions: list[list[str]]) -> list[list[str]]:
    last = max(index for index, words in enumerate(instructions) if words[0] == "FROM")
    return instructions[last:]


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed: the Dockerfile is not linted")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_worker_is_of_the_locked_beam(instructions: list[list[str]]) -> None:
    arguments = dict(word.split("=", 1) for words in instructions if words[0] == "ARG" for word in words[1:])
    beam = locked(DEPLOYED_PYTHON)["apache-beam"]
    assert arguments["BEAM"] == f"apache/beam_python{DEPLOYED_PYTHON}_sdk:{beam}"
    # Debian 13 has the glibc that the wheels of this Python ask for.
    assert arguments["PYTHON"].startswith(f"python:{DEPLOYED_PYTHON}-slim-trixie")


def test_packages_come_from_the_lock_by_hash(instructions: list[list[str]]) -> None:
    commands = [
        command.split()
        for words in instructions
        if words[0] == "RUN"
        for command in " ".join(word for word in words[1:] if not word.startswith("--mount")).split(" && ")
    ]
    installs = [command for command in commands if command[:2] == ["pip", "install"]]
    assert len(installs) == 3
    for command in installs:
        assert "--no-deps" in command
        assert "--require-hashes" in command or "--no-index" in command
    assert "build.lock" in installs[0]
    assert "requirements.lock" in installs[1]
    # What comes without a wheel is built by what the lock names, installed just before.
    assert "--no-build-isolation" in installs[1]
    assert {"setuptools", "wheel"} <= set(locked(DEPLOYED_PYTHON))


def test_the_final_stage_runs_as_nobody_special_and_builds_nothing(final_stage: list[list[str]]) -> None:
    # Read as one line: a build argument may name another user.
    assert [words for words in final_stage if words[0] == "USER"] == [["USER", "${RUN_AS}"]]
    assert ["ARG", "RUN_AS=bandit"] in final_stage
    assert not [words for words in final_stage if "apt-get" in words or "g++" in words]
    assert ["ENTRYPOINT", "[/opt/apache/beam/boot]"] in final_stage
    variables = [word for words in final_stage if words[0] == "ENV" for word in words[1:]]
    assert "TF_USE_LEGACY_KERAS=1" in variables
    assert "PYTHONUNBUFFERED=1" in variables
    # Without it each worker would make a virtual environment, in a folder that it may not write.
    assert "RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1" in variables


def test_what_is_copied_is_in_the_context(instructions: list[list[str]]) -> None:
    copied = {
        source
        for words in instructions
        if words[0] == "COPY" and not words[1].startswith("--from")
        for source in words[1:-1]
    }
    assert copied == {
        *SOURCES,
        "requirements.lock",
        "deploy/image/prune.py",
        "deploy/image/imports.py",
        "configs",
    }
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")]
    assert rules[0] == "*"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), source
    # Nothing is let through that no instruction copies.
    assert all(any(fnmatch.fnmatch(source, pattern) for source in copied) for pattern in allowed)
