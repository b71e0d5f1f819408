"""The benchmark of better decisions: its figures by hand, and the whole at its smallest."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from benchmarks import better_decisions as benchmark
from benchmarks.better_decisions import DEFAULTS, NEXT, Asked
from tests.small_newsletter import write_settings

ROOT = Path(__file__).parents[2]
ELIGIBLE = np.array([[True, True, True, False], [True, True, True, True]])
ESTIMATES = np.array([[0.3, 0.2, 0.1, 0.9], [0.1, 0.2, 0.3, 0.35]])
TRUTH = np.array([[0.4, 0.1, 0.1, 1.0], [0.1, 0.1, 0.5, 0.1]])


def asked(**estimates: np.ndarray) -> Asked:
    return Asked(TRUTH, ELIGIBLE, {name: estimates.get(name, ESTIMATES) for name in (DEFAULTS, NEXT)})


def shown(table: Table) -> str:
    text = io.StringIO()
    Console(file=text, width=130).print(table)
    return text.getvalue()


def test_the_share_of_the_gap_by_hand(tmp_path: Path) -> None:
    world = asked()
    # Uniform earns (.6 / 3 + .8 / 4) / 2 = .2, the oracle .45; the estimates choose .4 and .1.
    greedy = benchmark.greedy(ESTIMATES, ELIGIBLE)
    assert greedy.argmax(axis=1).tolist() == [0, 3]
    assert world.closed(greedy) == pytest.approx((0.25 - 0.2) / (0.45 - 0.2))
    path = tmp_path / "world.npz"
    world.save(path)
    assert Asked.load(path).closed(greedy) == world.closed(greedy)


@pytest.mark.parametrize("kind", benchmark.KINDS)
def test_each_way_to_explore_is_a_distribution_that_explores_more_along_its_grid(kind: str) -> None:
    world, samples = asked(), []
    for _, policy in benchmark.KINDS[kind]:
        found = policy(ESTIMATES, ELIGIBLE)
        np.testing.assert_allclose(found.sum(axis=1), 1.0)
        assert (found[ELIGIBLE] >= 0.0).all()
        assert not found[~ELIGIBLE].any()
        # The candidate has the same estimates, so each newsletter counts as one.
        same = benchmark.explored(world, policy, 100.0)
        assert (same.sample, same.cut, same.largest) == (pytest.approx(1.0), pytest.approx(0.0), 1.0)
        samples.append(found.max(axis=1).mean())
    assert samples == sorted(samples, reverse=True)


def test_square_cb_by_hand() -> None:
    first, second = benchmark.square_cb(100.0)(ESTIMATES, ELIGIBLE)
    others = [1 / (3 + 10), 1 / (3 + 20)]
    np.testing.assert_allclose(first, [1 - sum(others), *others, 0.0])
    others = [1 / (4 + 25), 1 / (4 + 15), 1 / (4 + 5)]
    np.testing.assert_allclose(second, [*others, 1 - sum(others)])


def test_cost_and_sample_of_another_candidate() -> None:
    policy = benchmark.epsilon_greedy(0.12)
    found = benchmark.explored(asked(**{NEXT: -ESTIMATES}), policy, 25.0)
    # Uniform shares .04 and .03; both candidates choose what the first model only explores.
    squares = [0.92**2 / 0.04 + 0.04**2 / 0.92 + 0.04, 25.0**2 * 0.03 + 0.03**2 / 0.91 + 2 * 0.03]
    assert found.largest == pytest.approx(0.91 / 0.03)
    assert found.cut == pytest.approx((0.91 - 25.0 * 0.03) / 2)
    assert found.sample == pytest.approx((1 - found.cut) ** 2 / np.mean(squares))
    # A share of .12 of the choices is uniform, which earns .2 instead of .25.
    assert found.cost == pytest.approx(0.12 * (0.25 - 0.2))


def test_the_table_is_paired_by_world() -> None:
    lines = [("today", [(0.8, 0.7), (0.9, 0.8)]), ("better", [(0.81, 0.72), (0.92, 0.82)])]
    text = shown(benchmark.decisions(lines))
    assert [line.split() for line in text.splitlines() if "today" in line or "better" in line] == [
        ["today", "85.0", "75.0"],
        ["better", "86.5", "+1.50", "±", "0.50", "77.0", "+2.00", "±", "0.00"],
    ]


@pytest.mark.slow
def test_the_tables_of_a_small_world(tmp_path: Path) -> None:
    agent = {"type": "boltzmann", "hidden_layers": [16], "epochs": 1, "temperature": 0.02}
    settings = write_settings(tmp_path, agent=agent)
    words = ["--use-case", str(settings), "--workdir", str(tmp_path), "--seeds", "1", "--newsletters", "600"]
    command = [sys.executable, "-m", "benchmarks.better_decisions", "--no-peers", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in (*benchmark.VARIANTS, "cheaper exploration", *benchmark.KINDS):
        assert name in done.stdout
    assert "worlds: 1, newsletters of each log: 2,400" in done.stdout
