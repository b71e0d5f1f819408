"""The parts of the peers that need none of their libraries."""

from __future__ import annotations

import datetime as dt
from math import erf, sqrt
from pathlib import Path

import numpy as np
import pytest

from benchmarks import closed_loop_peers as peers
from newsletter_bandit.simulation.behaviour import RulesPolicy
from newsletter_bandit.simulation.catalogue import RECOMMENDERS
from newsletter_bandit.simulation.world import World, spread

EPOCH = dt.date(2026, 4, 6)


@pytest.fixture(scope="module")
def world() -> World:
    return World(5, 300, EPOCH)


@pytest.fixture(scope="module")
def logged(world: World) -> peers.Rows:
    return peers.Rows(world.log(EPOCH, spread(200, 7), RulesPolicy()))


def test_the_probability_that_a_normal_is_the_largest_of_two() -> None:
    mean = np.array([[0.3, 0.1, 9.0], [0.0, 0.5, 9.0], [0.2, 0.2, 9.0]])
    deviation = np.array([[0.2, 0.1, 1.0], [0.3, 0.2, 1.0], [0.1, 0.4, 1.0]])
    eligible = np.array([[True, True, False]] * 3)
    z = (mean[:, 0] - mean[:, 1]) / np.sqrt(deviation[:, 0] ** 2 + deviation[:, 1] ** 2)
    expected = np.array([0.5 * (1 + erf(value / sqrt(2))) for value in z])
    found = peers.best_of_normals(mean, deviation, eligible)
    np.testing.assert_allclose(found[:, 0], expected, atol=0.005)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert (found[:, 2] == 0.0).all()


def test_a_log_is_read_as_it_was_written(world: World, logged: peers.Rows) -> None:
    users = world.positions(logged.table["user_id"].to_pylist())
    np.testing.assert_array_equal(logged.eligible, world.eligible(users))
    assert [RECOMMENDERS[number] for number in logged.action] == logged.table["recommender"].to_pylist()
    clicked, left = (np.array(logged.table[name].to_pylist()) for name in ("clicked", "unsubscribed"))
    np.testing.assert_array_equal(logged.reward, np.where(left, -1.0, clicked))


def test_vowpal_wabbit_gets_eligible_actions_and_one_cost(logged: peers.Rows) -> None:
    moments = peers.moments_of([logged])
    examples = peers.vw_examples(logged, moments)
    assert len(examples) == 200
    for row, example in enumerate(examples):
        shared, *actions = example.strip().split("\n")
        assert shared.startswith("shared |U ")
        assert f"segment={logged.table['segment'][row].as_py()}" in shared
        names = [RECOMMENDERS[column] for column in np.flatnonzero(logged.eligible[row])]
        assert [line.rpartition("|A ")[2] for line in actions] == names
        (labelled,) = [line for line in actions if not line.startswith("|A")]
        label, _, name = labelled.partition(" |A ")
        assert name == RECOMMENDERS[logged.action[row]]
        action, cost, probability = label.split(":")
        assert (action, float(cost)) == ("0", -logged.reward[row])
        assert float(probability) == pytest.approx(logged.propensity[row], rel=1e-5)


def test_vowpal_wabbit_answers_about_the_eligible(tmp_path: Path) -> None:
    eligible = np.zeros((2, 12), dtype=bool)
    eligible[0, [1, 4]] = eligible[1, [0, 2, 11]] = True
    answers = tmp_path / "answers.txt"
    answers.write_text("1:0.9,0:0.1\n\n2:0.5,0:0.25,1:0.25\n\n")
    found = peers.vw_probabilities(answers, eligible)
    np.testing.assert_allclose(found[0, [1, 4]], [0.1, 0.9])
    np.testing.assert_allclose(found[1, [0, 2, 11]], [0.25, 0.25, 0.5])
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
