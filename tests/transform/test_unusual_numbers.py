"""Numbers that hardly vary, that are missing throughout, or that are none, through Transform's graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.transform.cut_values import cut_values
from components.transform.in_memory import Transformer
from tests.tiny import encode, make_use_case

COUNT = 4000
FEATURES = {
    "age": {"type": "number"},
    "constant": {"type": "number"},
    "constant_but_one": {"type": "number", "treatment": "log1p"},
    "constant_where_known": {"type": "number", "treatment": "identity"},
    "never_known": {"type": "number", "treatment": "identity"},
    "large": {"type": "number"},
    "rare": {"type": "bool"},
    "not_finite": {"type": "number", "treatment": "identity"},
    "absurd": {"type": "number"},
    "more_absurd": {"type": "number"},
    "absurd_identity": {"type": "number", "treatment": "identity"},
}


def rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    odd = [float("nan"), float("inf"), float("-inf")]
    return [
        {
            "user_id": f"user-{i}",
            "campaign": "c1",
            "recommender": "a",
            "propensity": 0.5,
            "policy_version": "test",
            "eligible_recommenders": None,
            "clicked": 0,
            "unsubscribed": 0,
            "reward": 0.0,
            "age": float(rng.normal(40, 10)),
            "constant": 54.3,
            "constant_but_one": 7.0 if i else 7e6,
            "constant_where_known": 3.0 if i % 2 else None,
            "never_known": None,
            "large": 1.7e9,
            "rare": int(i % 500 == 0),
            "not_finite": odd[i % 4 - 1] if i % 4 else 2.0 + i % 8,
            # As a broken source writes them, in one row.
            "absurd": float(i % 100) if i != 7 else 1e30,
            "more_absurd": float(i % 100) if i != 7 else -1e308,
            "absurd_identity": float(i % 100) if i != 7 else 1e30,
        }
        for i in range(COUNT)
    ]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The graph that analysed the rows."""
    from components.transform.in_memory import analyse

    folder = tmp_path_factory.mktemp("transform") / "graph"
    return analyse(make_use_case(features=FEATURES), [encode(row) for row in rows()], folder)


def through(graph: Any, changes: dict[str, Any]) -> dict[str, list[float]]:
    """The first four rows with other values: treated value and missing mark by feature."""
    examples = np.array([encode({**row, **changes}) for row in rows()[:4]], dtype=object)
    numeric = Transformer(graph)(examples)["numeric"]
    return {name: numeric[:, [i, len(FEATURES) + i]].tolist() for i, name in enumerate(FEATURES)}


def test_what_hardly_varies_is_named_and_left_out_whatever_is_scored_later(graph: Any) -> None:
    from components.transform.left_out import left_out

    expected = ("constant", "constant_but_one", "constant_where_known", "never_known", "large")
    assert left_out(make_use_case(features=FEATURES), graph) == expected
    other = {"constant": 60.0, "constant_but_one": 900.0, "large": 1.8e9, "never_known": 1e9}
    found = through(graph, {**other, "constant_where_known": -1e6})
    for name in expected:
        assert found[name] == [[0.0, 0.0]] * 4, name


def test_a_z_score_is_never_larger_than_the_settings_say(graph: Any) -> None:
    found = through(graph, {"age": 3e9})
    assert found["age"] == [[10.0, 0.0]] * 4
    assert through(graph, {"age": -3e9})["age"] == [[-10.0, 0.0]] * 4
    assert through(graph, {"rare": 1})["rare"] == [[1.0, 0.0]] * 4


def test_what_is_no_finite_number_counts_as_missing(graph: Any) -> None:
    assert through(graph, {})["not_finite"] == [[2.0, 0.0], *[[0.0, 1.0]] * 3]
    assert through(graph, {})["never_known"] == [[0.0, 1.0]] * 4


def test_one_absurd_value_does_not_ruin_the_scale_and_is_counted(graph: Any) -> None:
    use_case = make_use_case(features=FEATURES)
    for name in ("absurd", "more_absurd"):
        low, high = (through(graph, {name: value})[name][0][0] for value in (0.0, 99.0))
        assert low < -1.5, name
        assert high > 1.5, name
        assert through(graph, {name: 1e30})[name] == [[10.0, 0.0]] * 4
    assert through(graph, {"absurd_identity": 50.0})["absurd_identity"] == [[50.0, 0.0]] * 4
    assert through(graph, {"absurd_identity": 1e30})["absurd_identity"][0][0] < 2000.0
    examples = np.array([encode(row) for row in rows()], dtype=object)
    blocks = [Transformer(graph)(examples[start : start + 1000]) for start in range(0, COUNT, 1000)]
    # Nothing that a float32 cannot hold is a number: it counts as missing.
    assert cut_values(use_case, blocks) == {"absurd": 1}


def test_a_plausible_feature_is_scaled_by_its_own_mean_and_deviation(graph: Any) -> None:
    ages = np.array([row["age"] for row in rows()], dtype=np.float32)
    found = through(graph, {"age": 55.0})["age"][0][0]
    assert found == pytest.approx((55.0 - ages.mean()) / ages.std(), rel=1e-5)
