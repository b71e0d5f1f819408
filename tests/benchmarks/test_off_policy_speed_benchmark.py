"""The benchmark of off-policy evaluation's speed in small: both sides give the same values of the same rows.

sb-obp's side is left out where benchmarks/.venv is absent, as in CI; ours, the files and the table run all
the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import measuring
from benchmarks import off_policy_speed as benchmark

# The environment is there once its packages are.
WITH_PEER = (measuring.REPOSITORY / "benchmarks" / ".venv" / ".installed").exists()


def test_both_sides_get_the_same_rows() -> None:
    one, other = (list(benchmark.blocks(3000, 2000)) for _ in range(2))
    assert [len(block.reward) for block in one] == [2000, 1000]
    for mine, theirs in zip(one, other, strict=True):
        for values, same in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(values, same)
        np.testing.assert_allclose(mine.policy.sum(axis=1), 1.0)
        assert set(np.unique(mine.reward)) == {-1.0, 0.0, 1.0}


@pytest.mark.slow
def test_the_benchmark_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = tmp_path / "found.json"
    arguments = ["--rounds", "1", "--sizes", "2000", "4000", "--peer-rows", "3000", "--json", str(found)]
    if not WITH_PEER:
        arguments.append("--without-peer")
    monkeypatch.setattr(sys, "argv", ["off_policy_speed", *arguments])
    with pytest.raises(SystemExit):  # a target may be missed by a log this small
        benchmark.main()
    figures = json.loads(found.read_text())
    beside = figures["beside"]
    ours = beside["ours"]
    # From dense arrays or compact rows, the work is the same.
    assert beside["ours, from compact rows"]["values"] == ours["values"]
    assert ours["diagnostics"]["clipped_share"] == 0.0
    assert beside[f"ours, weights clipped at {benchmark.CLIP:g}"]["diagnostics"]["clipped_share"] > 0.0
    if WITH_PEER:
        for name, value in beside["sb-obp"]["values"].items():
            assert ours["values"][name] == pytest.approx(value, abs=benchmark.EQUAL)
        low, high = beside[f"sb-obp, {benchmark.BOOTSTRAPS} bootstraps"]["intervals"]["dr"]
        assert low < ours["values"]["dr"] < high
    by_steps = list(figures["evaluator"].values())
    for name, value in by_steps[0]["figures"].items():
        np.testing.assert_allclose(value, by_steps[1]["figures"][name], rtol=1e-9, atol=1e-9, err_msg=name)
    for rows in (2000, 4000):
        told = figures["files"][f"{rows:,} rows"]
        whole = figures["sizes"][f"ours, {rows:,} rows"]
        assert told["rows"] == whole["rows"] == rows
        for name, value in whole["values"].items():
            estimate = told["evaluation"]["overall"]["estimates"][name]
            assert estimate["value"] == pytest.approx(value, abs=1e-12)
    assert "PolicyValues" in capsys.readouterr().out
