"""The benchmark of scoring and storing in small: whole runs, and the same rows by plain `executemany`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import score_and_store
from serving.stores.sqlite import SQLiteStore
from tests.ranking_model import put_in_production


@pytest.mark.slow
def test_the_benchmark_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put_in_production(tmp_path)
    file = tmp_path / "found.json"
    arguments = f"--users 600 300 --workdir {tmp_path} --json {file}"
    monkeypatch.setattr(sys, "argv", ["score_and_store", *arguments.split()])
    with pytest.raises(SystemExit):  # 0 or 1: what it takes is not tested
        score_and_store.main()
    found = json.loads(file.read_text())
    # `executemany` has compared its rows with the run's, too.
    assert {name: side["rows"] for name, side in found["sides"].items()} == {
        "predict, 300": 300,
        "executemany, 300": 300,
        "predict, 600": 600,
        "executemany, 600": 600,
    }
    steps = ["DuckDBExampleGen", "ProductionModel", "BulkInferrer", "PredictionStorer"]
    assert list(found["sides"]["predict, 600"]["steps"]) == steps
    assert len(found["targets"]) == 3
    store = SQLiteStore(tmp_path / "users-600" / "rankings-newsletter.sqlite", read_only=True)
    assert store.count() == 600
    assert "Score and store" in capsys.readouterr().out
