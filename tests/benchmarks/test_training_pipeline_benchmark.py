"""The benchmark of the whole training pipeline in small: both sides run, and make the same of the same
rows.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import training_pipeline
from benchmarks.training_pipeline import LARGE, LARGEST, OURS, SMALL, STOCK

ROWS = 3000


@pytest.mark.slow
@pytest.mark.pipeline
def test_ours_and_tfx_own_executors_on_the_same_rows(tmp_path: Path) -> None:
    found = training_pipeline.measure(tmp_path, [ROWS], rounds=1, peer=True)

    ours, stock = (found["sizes"][str(ROWS)][name] for name in (OURS, STOCK))
    assert ours["rows"] == stock["rows"] == sum(ours["split"].values()) == ROWS
    assert ours["split"] == stock["split"]
    assert ours["verdict"] == stock["verdict"]
    # Means and variances are added up in another order.
    assert ours["value"] == pytest.approx(stock["value"], abs=0.01)
    assert set(ours["steps"]) == set(stock["steps"]) >= {"StatisticsGen", "Transform", "Trainer", "Evaluator"}
    out = StringIO()
    training_pipeline.show(Console(file=out, width=120), found)
    assert f"{ROWS:,} rows, {STOCK}" in out.getvalue()
    assert training_pipeline.targets(found) == []


def test_targets_are_those_of_the_sizes_that_ran() -> None:
    def sizes(seconds: dict[int, float]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
        return {"sizes": {str(n): {OURS: {"seconds": s, "peak_mib": 9000.0}} for n, s in seconds.items()}}

    assert [target.met for target in training_pipeline.targets(sizes({SMALL: 50.0, LARGE: 260.0}))] == [
        True,
        False,
    ]
    (memory,) = training_pipeline.targets(sizes({LARGEST: 1000.0}))
    assert (memory.found, memory.met) == ("8.79 GiB", False)
