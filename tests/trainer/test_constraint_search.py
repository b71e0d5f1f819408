"""The multipliers of simple problems, and those of a trained model, held by its exported graph."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsletter_bandit import exported_model as contract
from tests.tiny import Prepared, make_use_case
from tests.trainer.fitted import call, trained, users

AGENTS: dict[str, dict[str, Any]] = {
    "boltzmann": {
        "hidden_layers": [16],
        "batch_size": 128,
        "epochs": 8,
        "learning_rate": 0.01,
        "temperature": 0.02,
    },
    "lin_ucb": {"alpha": 0.3, "l2": 1.0},
    "lin_ts": {"alpha": 0.3, "l2": 1.0, "samples": 20},
}
CAP = {"term": "unsubscribed", "at_most": 0.6, "of": "logging_policy"}
SHARES = [{"recommender": "b", "share_at_most": 0.25}, {"recommender": "c", "share_at_least": 0.4}]


@pytest.fixture(scope="module")
def rows(arrays: dict[str, Any]) -> dict[str, Any]:
    """Each row thrice, whose users unsubscribe after `a` in 30% of the newsletters and else in 2%."""
    rng = np.random.default_rng(1)
    found = {key: np.concatenate([values] * 3) for key, values in arrays.items()}
    action = found["action"]
    unsubscribed = rng.random(len(action)) < np.where(action == 0, 0.3, 0.02)
    return {
        **found,
        "user": rng.integers(0, 2**31 - 1, len(action)),
        "outcomes": unsubscribed[:, None].astype(np.float32),
    }


def made(
    agent: str, constraints: list[dict[str, Any]], rows: dict[str, Any], output: Any, **more: Any
) -> Any:
    use_case = make_use_case(agent={"type": agent, **AGENTS[agent]}, constraints=constraints, **more)
    return use_case, trained(use_case, rows, output, slice(None))


def test_two_prices_that_depend_on_each_other() -> None:
    """Of users with x uniform in [0, 1], those with x > price of one and y > price of two."""
    from components.trainer.constraints.search import Coordinate, solve

    grid = np.linspace(0.0, 1.0, 401)
    x, y = (part.ravel() for part in np.meshgrid(grid, grid))
    prices = [0.0, 0.0]

    def settle(number: int, value: float) -> None:
        prices[number] = value

    def share(number: int, value: float) -> float:
        now = [*prices]
        now[number] = value
        net = np.stack([np.zeros_like(x), x - now[0], y - now[1]])
        return float((net.argmax(axis=0) == number + 1).mean())

    coordinates = [
        Coordinate([(1.0, lambda value: share(0, value) - 0.2)], 1.0),
        Coordinate([(1.0, lambda value: share(1, value) - 0.3)], 1.0),
    ]
    solve(coordinates, settle, 20)
    assert share(0, prices[0]) == pytest.approx(0.2, abs=0.01)
    assert share(1, prices[1]) == pytest.approx(0.3, abs=0.01)
    # Without need there is no price, and what cannot be held gets the one that is best.
    assert solve([Coordinate([(1.0, lambda _: -1.0)], 1.0)], lambda *_: None, 5) == [0.0]
    lowest = solve([Coordinate([(1.0, lambda value: 1.0 + abs(value - 4.0))], 1.0)], lambda *_: None, 5)
    assert lowest == [4.0]
    # Nor is a larger one worth a little less of it.
    slight = [Coordinate([(1.0, lambda value: 1.0 + 1.0 / (1.0 + value))], 1.0)]
    assert solve(slight, lambda *_: None, 5) == [8.0]


@pytest.mark.parametrize(("measured_from", "price"), [(2.0, 2.0), (math.inf, 0.0)])
def test_an_interval_without_an_end_has_a_price_all_the_same(measured_from: float, price: float) -> None:
    from components.trainer.constraints.search import Coordinate, solve

    one = Coordinate([(1.0, lambda value: 1.0 if value >= measured_from else math.inf)], 1.0)
    assert solve([one], lambda *_: None, 5) == [price]


@pytest.mark.parametrize("agent", ["lin_ucb", "lin_ts"])
def test_a_cap_is_held_by_the_graph_that_is_exported(
    agent: str, rows: dict[str, Any], transform_output: Any, tmp_path: Path
) -> None:
    import tensorflow as tf

    use_case, model = made(agent, [CAP], rows, transform_output)
    (limit,) = model.found.limits
    assert limit.holds
    assert limit.found.end is not None
    assert limit.found.end <= 0.6
    assert model.found.multipliers["unsubscribed"] > 0.0
    model.save(tmp_path / "model")
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    # `a` was shown in half of the newsletters, so the log has 16% unsubscribes.
    asked = [{**row, "recommender": "a"} for row in users(1500)]
    judged = call(loaded.signatures["evaluation"], asked)
    for policy in ("serving", "eval"):
        share = judged[f"{policy}_probabilities"].mean(axis=0)
        assert share @ np.array([0.3, 0.02, 0.02]) <= 0.6 * 0.16 + 0.005
    # The stored score stays the reward estimate, though the order is another.
    ranked = call(loaded.signatures["eval_policy"], asked)
    names = [name.encode() for name in use_case.recommenders]
    chosen = np.array([names.index(name) for name in ranked["recommenders"][:, 0]])
    estimates = judged["reward_estimates"]
    np.testing.assert_array_equal(ranked["scores"][:, 0], estimates[np.arange(len(chosen)), chosen])
    assert (chosen != estimates.argmax(axis=1)).any()
    free = [0.0] * len(loaded.term_multipliers.numpy())
    loaded.term_multipliers.assign(free)
    ranked = call(loaded.signatures["eval_policy"], asked)
    chosen = np.array([names.index(name) for name in ranked["recommenders"][:, 0]])
    np.testing.assert_array_equal(chosen, estimates.argmax(axis=1))


def test_shares_are_held_in_the_rankings_exploration_included(
    rows: dict[str, Any], transform_output: Any, prepared: Prepared
) -> None:
    use_case, model = made("boltzmann", [CAP, *SHARES], rows, transform_output)
    assert [limit.holds for limit in model.found.limits] == [True] * 3
    assert model.found.offsets["b"] < 0.0
    judged = call(model.evaluation, prepared.rows)
    served = call(model.serving_policy, prepared.rows)["recommenders"][:, 0]
    for policy in ("serving", "eval"):
        shares = judged[f"{policy}_probabilities"].mean(axis=0)
        assert shares[1] < 0.25 + 0.005
        assert shares[2] > 0.4 - 0.005
    drawn = [float(np.mean(served == name.encode())) for name in use_case.recommenders]
    np.testing.assert_allclose(drawn, judged["serving_probabilities"].mean(axis=0), atol=0.02)


def test_what_no_multiplier_holds_is_said_with_its_price(rows: dict[str, Any], transform_output: Any) -> None:
    _, model = made("lin_ucb", [{**CAP, "at_most": 0.05}], rows, transform_output)
    (limit,) = model.found.failed
    assert limit.cost is not None
    assert limit.cost > 0.0
    frontier = [point.figure for point in limit.frontier]
    assert len(frontier) == 6
    assert frontier[0] == max(frontier)
    assert limit.found in limit.frontier


def test_without_constraints_the_model_is_what_it_was(arrays: dict[str, Any], transform_output: Any) -> None:
    use_case = make_use_case(agent={"type": "lin_ucb"})
    model = trained(use_case, arrays, transform_output, slice(None))
    assert model.found is None
    assert model.training_rows.numpy().sum() == len(arrays["action"])
    for name in (contract.CONSTRAINED_TERMS, contract.TERM_MULTIPLIERS, contract.RECOMMENDER_OFFSETS):
        assert not hasattr(model, name)


def test_rows_of_files_are_split_and_relabelled_as_those_in_memory(
    rows: dict[str, Any], prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    from components.trainer import data as training_data
    from components.trainer.data import ArrayData, FileData, split_users
    from components.transform.layout import Layout
    from newsletter_bandit.settings.agents import PropensityWeighting

    layout = Layout.of(make_use_case(constraints=[CAP]))
    arrays = {key: values[:500] for key, values in rows.items()}
    file = str(tmp_path / "rows.gz")
    with tf.io.TFRecordWriter(file, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for number in range(500):
            features = {
                key: tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(values[number])))
                if values.dtype.kind == "f"
                else tf.train.Feature(int64_list=tf.train.Int64List(value=np.ravel(values[number])))
                for key, values in arrays.items()
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    weighting, sizes = PropensityWeighting(), (5,)
    of_arrays = split_users(ArrayData(arrays, layout, sizes, weighting), 0.25)
    for held_bytes in (training_data.HELD_BYTES, 0):
        monkeypatch.setattr(training_data, "HELD_BYTES", held_bytes)
        of_files = split_users(FileData([file], layout, sizes, weighting), 0.25)
        for mine, theirs in zip(of_files, of_arrays, strict=True):
            assert mine.counted.rows == theirs.counted.rows
            (found,) = mine.of_term(0).blocks(1000)
            (expected,) = theirs.of_term(0).blocks(1000)
            np.testing.assert_array_equal(found["reward"], expected["reward"])
            np.testing.assert_array_equal(found["user"], expected["user"])
    assert sum(part.counted.rows for part in of_arrays) == 500
