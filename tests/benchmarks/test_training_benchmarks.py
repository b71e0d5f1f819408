"""The benchmarks of training in small: they run, and the sides do the same work; without benchmarks/.venv,
ours alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import measuring, train_linear, train_neural

PEERS = [] if measuring.PEERS_PYTHON.exists() else ["--no-peers"]


def found(
    module: ModuleType, arguments: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The figures that the benchmark wrote. With so few rows it need not meet its targets."""
    file = folder / "found.json"
    given = [module.__name__, *arguments.split(), "--rounds", "1", *PEERS, "--json", str(file)]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code in (0, 1)
    figures: dict[str, Any] = json.loads(file.read_text())
    return figures


@pytest.mark.slow
def test_linear_agents_reach_one_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = found(train_linear, "--rows 3000 --few 600", tmp_path, monkeypatch)
    assert figures["arrays"]["rows"] == figures["files"]["rows"] == 3000
    assert figures["newsletter"]["columns"] == 16 + 33 + 17 + 17 + 201 + 1
    differences = figures["differences"]
    assert differences["files"] < 1e-12
    assert differences["tf_agents"] < 1e-6
    if not PEERS:
        assert differences["mabwiser"] < 1e-9
        assert figures["vowpal_wabbit"]["rows"] == figures["mabwiser"]["rows"] == 3000


@pytest.mark.slow
def test_neural_agents_learn_the_log_that_the_peer_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = found(train_neural, "--rows 6000 --users 500 --many 9000", tmp_path, monkeypatch)
    sides = [
        figures[name]
        for name in ("files", "arrays", "vowpal_wabbit", "vowpal_wabbit_once")
        if name in figures
    ]
    assert len(sides) == (2 if PEERS else 4)
    prepared = figures["prepared"]
    for side in sides:
        assert side["log_rows"] == 6000
        assert prepared["logging"] < side["value"] < prepared["oracle"]
    assert figures["many"]["rows"] == figures["many_streamed"]["rows"] == 9000
    # Steps of 512, without the 50 of the first call.
    assert figures["files"]["rows"] == figures["arrays"]["rows"] == (6000 * 12 // 512 - 50) * 512
