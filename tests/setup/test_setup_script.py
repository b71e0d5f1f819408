"""setup.sh: which Python it takes, and the one sentence with which it ends where something is missing.

The script runs for real, in a folder of its own; what differs between machines (uname, getconf, df, python3
and uv) is put in front of it on the path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Finds the Pythons of $HAVE; "downloads" where $ONLINE is set; makes an environment whose Python knows its
# version.
UV = """#!/bin/bash
echo "uv $*" >> "$CALLS"
case "$1 $2" in
  'python find') [[ " $HAVE " == *" ${!#} "* ]] && echo "/pythons/${!#}" ;;
  'python install') [[ -n $ONLINE ]] || { echo 'error: could not connect' >&2; exit 2; }
    sed -i "2i HAVE=\\"\\$HAVE ${!#}\\"" "$0" ;;
  venv*)
    mkdir -p .venv/bin
    version=${*: -2:1}
    printf '#!/bin/bash\\necho %s\\n' "${version#/pythons/}" > .venv/bin/python
    chmod +x .venv/bin/python ;;
esac
"""


class Machine:
    """A checkout's set-up on a machine whose tools answer as told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.folder.mkdir()
        self.bin.mkdir()
        self.calls.touch()
        for name in ("setup.sh", "requirements.lock"):
            shutil.copy(ROOT / name, self.folder)
        for name in ("awk", "bash", "cat", "cmp", "cp", "dirname", "mkdir", "rm", "sed", "sort", "chmod"):
            self.bin.joinpath(name).symlink_to(str(shutil.which(name)))
        self.answers("uname", "case $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac")
        self.answers("getconf", "echo glibc 2.41")
        self.answers("df", "printf 'header\\nroot 9 9 90000000 1%% /\\n'")
        self.tool("uv", UV)

    def tool(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def answers(self, name: str, command: str) -> None:
        self.tool(name, f"#!/bin/bash\n{command}\n")

    def setup(self, have: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "setup.sh"],
            cwd=self.folder,
            env={"PATH": str(self.bin), "HAVE": have, "CALLS": str(self.calls), "ONLINE": "", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def refusal(self, have: str = "3.13", **variables: str) -> str:
        """The one sentence; nothing was installed."""
        done = self.setup(have, **variables)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "pip sync" not in self.calls.read_text()
        return done.stderr.splitlines()[-1]

    def python(self) -> str:
        return subprocess.run(
            [self.folder / ".venv/bin/python"], capture_output=True, text=True
        ).stdout.strip()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("glibc", "have", "chosen"),
    [
        ("2.41", "3.11 3.12 3.13", "3.13"),
        ("2.39", "3.12", "3.12"),
        ("2.39", "3.11", "3.11"),
        ("2.38", "3.11 3.12 3.13", "3.11"),
        ("2.36", "3.11 3.13", "3.11"),
    ],
)
def test_the_newest_python_that_glibc_allows(machine: Machine, glibc: str, have: str, chosen: str) -> None:
    machine.answers("getconf", f"echo glibc {glibc}")
    done = machine.setup(have)
    assert done.returncode == 0, done.stderr
    assert machine.python() == chosen
    assert "python install" not in machine.calls.read_text()


def test_a_forced_version_replaces_the_environment(machine: Machine) -> None:
    assert machine.setup("3.11 3.13").returncode == 0
    assert machine.python() == "3.13"
    assert machine.setup("3.11 3.13", PYTHON_VERSION="3.11").returncode == 0
    assert machine.python() == "3.11"
    # From now on it stays.
    assert machine.setup("3.11 3.13").returncode == 0
    assert machine.python() == "3.11"


def test_setting_up_again_installs_nothing(machine: Machine) -> None:
    assert machine.setup("3.13").returncode == 0
    before = machine.calls.read_text().count("pip sync")
    assert machine.setup("3.13").returncode == 0
    assert machine.calls.read_text().count("pip sync") == before == 1


@pytest.mark.parametrize(("glibc", "chosen"), [("2.41", "3.13"), ("2.36", "3.11")])
def test_uv_brings_a_python_where_there_is_none(machine: Machine, glibc: str, chosen: str) -> None:
    machine.answers("getconf", f"echo glibc {glibc}")
    done = machine.setup("3.10", ONLINE="yes")
    assert done.returncode == 0, done.stderr
    assert f"downloading {chosen} with uv" in done.stderr
    assert machine.python() == chosen


def test_no_python_and_no_way_to_one(machine: Machine) -> None:
    assert machine.refusal("3.10") == (
        "Python 3.13 could not be downloaded (above): install it from your distribution, or run it in a "
        "container: docker compose up demo"
    )


def test_a_forced_version_that_glibc_forbids(machine: Machine) -> None:
    machine.answers("getconf", "echo glibc 2.36")
    assert machine.refusal("3.11 3.13", PYTHON_VERSION="3.13") == (
        "PYTHON_VERSION=3.13 does not run here; allowed: 3.11 "
        "(3.12 and 3.13 ask for glibc 2.39 or newer: Debian 13, Ubuntu 24.04)"
    )


@pytest.mark.parametrize(
    ("system", "processor", "sentence"),
    [
        ("Linux", "aarch64", "TFX has no wheels for Linux on aarch64: use Linux on x86-64, "),
        ("Darwin", "x86_64", "TFX has no wheels for Darwin on x86_64: use Linux on x86-64, "),
        ("MINGW64_NT-10.0", "x86_64", "TFX has no wheels for Windows: work in WSL 2 (Ubuntu 24.04), "),
    ],
)
def test_a_machine_without_wheels(machine: Machine, system: str, processor: str, sentence: str) -> None:
    machine.answers("uname", f"case $1 in -s) echo {system} ;; -m) echo {processor} ;; esac")
    assert machine.refusal() == f"{sentence}or run it in a container: docker compose up demo"


def test_a_linux_without_glibc(machine: Machine) -> None:
    machine.answers("getconf", "exit 1")
    assert machine.refusal().startswith(
        "This Linux has no glibc, which TensorFlow's wheels need: use Debian, "
    )


def test_apple_silicon_asks_nothing_of_glibc(machine: Machine) -> None:
    machine.answers("uname", "case $1 in -s) echo Darwin ;; -m) echo arm64 ;; esac")
    (machine.bin / "getconf").unlink()
    assert machine.setup("3.11 3.12").returncode == 0
    assert machine.python() == "3.12"


def test_a_full_disk(machine: Machine) -> None:
    machine.answers("df", "printf 'header\\nroot 9 9 1000000 99%% /\\n'")
    assert machine.refusal() == "Only 1000 MB of disk are free here; setting up needs 5 GB"


def test_neither_uv_nor_python(machine: Machine) -> None:
    (machine.bin / "uv").unlink()
    assert (
        machine.refusal() == "Python was not found. On Debian or Ubuntu: apt-get install python3 python3-venv"
    )


def test_a_python_without_venv(machine: Machine) -> None:
    (machine.bin / "uv").unlink()
    machine.answers("python3", "exit 1")
    assert machine.refusal() == (
        "Python cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv"
    )


def test_an_index_that_does_not_answer(machine: Machine) -> None:
    (machine.bin / "uv").unlink()
    machine.answers(
        "python3", 'if [[ $2 == venv ]]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi; [[ $2 != pip ]]'
    )
    assert machine.refusal() == (
        "uv 0.13.9 could not be installed from the package index (above); setting up needs it once"
    )
    assert not (machine.folder / ".tools/uv").exists()


def test_what_is_not_uv_is_refused(machine: Machine) -> None:
    done = subprocess.run(
        ["bash", "setup.sh", "everything"],
        cwd=machine.folder,
        env={"PATH": str(machine.bin), "CALLS": str(machine.calls), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "setup.sh takes no argument but uv, found: everything\n")
