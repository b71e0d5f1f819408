"""The benchmark of the command line's start in small, which checks each outcome itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import startup


@pytest.mark.slow
def test_the_benchmark_in_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", f"startup --rounds 1 --without-tensorflow --json {file}".split())
    with pytest.raises(SystemExit):
        startup.main()
    found = json.loads(file.read_text())
    assert "a value out of its bounds" in found["seconds"]
    assert set(found["slow_imports"]) < set(found["seconds"])
    assert not any(found["slow_imports"].values())


def test_an_unexpected_outcome_is_an_error() -> None:
    with pytest.raises(startup.WrongOutcomeError, match="exit status 0"):
        startup.run(startup.Case("nothing", ["-c", "pass"], status=2))


def test_slow_imports_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tfx.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert startup.slow_imports(startup.Case("slow", ["-c", "import json, tfx"])) == ["tfx"]
