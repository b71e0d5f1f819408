"""The benchmarks against Datastore's emulator in small: they run, and every side does the same, right
work.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import endpoint, store_datastore
from tests.emulators.server_processes import emulator_command, free_port

pytestmark = [pytest.mark.emulator, pytest.mark.slow]


@pytest.fixture
def found_file(tmp_path: Path) -> Path:
    emulator_command(free_port(), tmp_path / "data")  # skips where there is none
    return tmp_path / "found.json"


def test_the_endpoint(monkeypatch: pytest.MonkeyPatch, found_file: Path) -> None:
    arguments = (
        "--stores datastore --seconds 0.3 --warm 0.1 --warm-emulator 0.2 --rounds 1 --starts 1 --users 20"
    )
    monkeypatch.setattr(sys, "argv", ["endpoint", *arguments.split(), "--json", str(found_file)])
    monkeypatch.delenv("DATASTORE_EMULATOR_HOST", raising=False)
    with pytest.raises(SystemExit):
        endpoint.main()
    found = json.loads(found_file.read_text())
    for name in ("raw look-up", "client's get", "constant, 1", "Datastore, 1", "constant, 8", "Datastore, 8"):
        assert found[name]["rows"] > 0
        assert found[name]["wrong"] == 0


def test_storing(monkeypatch: pytest.MonkeyPatch, found_file: Path) -> None:
    """Each side counts its stored rows and compares some of them itself."""
    arguments = "--rows 600 --warm-rows 10 --rounds 1"
    monkeypatch.setattr(sys, "argv", ["store_datastore", *arguments.split(), "--json", str(found_file)])
    monkeypatch.delenv("DATASTORE_EMULATOR_HOST", raising=False)
    with pytest.raises(SystemExit):
        store_datastore.main()
    found = json.loads(found_file.read_text())
    for name in ("client's put_multi", "Beam's writer", "PredictionStorer"):
        assert found[name]["rows"] == 600
