"""The benchmark of constraints: its best policy and its summary by hand, and once in small."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import constraints as benchmark


def seed(value: float, ratio: float, verdict: str = "blessed") -> dict[str, Any]:
    names = ("unconstrained", "tf_agents", "best", "best_unconstrained", "uniform")
    policies = {name: {"value": 0.1, "ratio": 2.0} for name in names}
    model = {"value": value, "ratio": ratio}
    return {"verdict": verdict, "cap": 1.0, "model": model, **policies, "seconds": {"all": 3.0}}


def test_the_best_policy_below_a_cap() -> None:
    """Two newsletters of three may have the better choice, which costs 1 each."""
    reward = np.array([[0.0, 3.0], [0.0, 2.0], [0.0, 1.0]])
    outcome = np.array([[0.0, 1.0]] * 3)
    chosen = benchmark.best_constrained(reward, outcome, np.ones((3, 2), bool), 2 / 3)
    assert chosen[:, 1].tolist() == [1.0, 1.0, 0.0]
    free = benchmark.best_constrained(reward, outcome, np.ones((3, 2), bool), 1.0)
    assert free[:, 1].tolist() == [1.0] * 3


def test_the_summary_by_hand() -> None:
    told = benchmark.summary([seed(0.09, 0.8), seed(0.1, 1.2, "cannot_tell")])
    assert (told["seeds"], told["blessed"], told["held"]) == (2.0, 0.5, 0.5)
    assert told["kept"] == pytest.approx(0.95)
    assert told["least_kept"] == pytest.approx(0.9)
    assert told["tf_agents_held"] == 0.0


@pytest.mark.slow
def test_the_benchmark_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "found.json"
    arguments = f"--seeds 1 --rows 3000 --json {file}"
    monkeypatch.setattr(sys, "argv", ["constraints", *arguments.split()])
    with pytest.raises(SystemExit):  # 0 or 1: so few newsletters say little
        benchmark.main()
    (found,) = json.loads(file.read_text())
    assert 0.0 < found["model"]["value"] < found["best_unconstrained"]["value"]
    assert found["best"]["ratio"] <= found["cap"]
    assert "blessed" in capsys.readouterr().out
