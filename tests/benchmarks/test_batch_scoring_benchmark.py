"""The benchmark of batch scoring in small: both executors run, and write the same row for each user."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import batch_scoring
from tests.ranking_model import put_in_production


@pytest.mark.slow
def test_the_benchmark_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put_in_production(tmp_path)
    file = tmp_path / "found.json"
    arguments = f"--users 150 --more 300 --rounds 1 --workdir {tmp_path} --json {file}"
    monkeypatch.setattr(sys, "argv", ["batch_scoring", *arguments.split()])
    with pytest.raises(SystemExit):  # 0 or 1: so few users do not pay for loading the model
        batch_scoring.main()
    found = json.loads(file.read_text())
    assert [side["rows"] for side in found["sides"].values()] == [150, 150, 300]
    assert found["different_rows"] == 0
    rows = batch_scoring._ours(tmp_path / "users-150" / "ours")
    assert len(rows) == 150
    assert len({tuple(row["recommenders"]) for row in rows.values()}) > 3
    assert "rows differ" in capsys.readouterr().out


def test_a_row_that_differs_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {b"user-1": {"scores": [0.5]}, b"user-2": {"scores": [0.25]}}
    monkeypatch.setattr(batch_scoring, "_ours", lambda _: rows)
    monkeypatch.setattr(batch_scoring, "_tfx", lambda _: {b"user-1": {"scores": [0.75]}})
    assert batch_scoring.differences(tmp_path) == 2
