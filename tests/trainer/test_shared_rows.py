"""Workers' shares of the rows, and the workers that `TF_CONFIG` names."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from newsletter_bandit.errors import DataError, SettingsError


def sums(totals: Any) -> Any:
    return np.array([totals.rows, totals.unknown_recommender, totals.weight_sum, *totals.per_recommender])


def shares(rows: int, count: int, action: Any = 0) -> list[Any]:
    """`SharedData` of each of ``count`` workers; row i has reward i."""
    from components.trainer.data import ArrayData, SharedData
    from components.trainer.distribution import Workers
    from components.transform.layout import ACTION, ELIGIBLE, NUMERIC, PROPENSITY, REWARD, Layout
    from newsletter_bandit.settings.agents import PropensityWeighting

    arrays = {
        NUMERIC: np.zeros((rows, 2)),
        ELIGIBLE: np.ones((rows, 2)),
        ACTION: np.broadcast_to(action, rows),
        PROPENSITY: np.linspace(0.1, 0.9, rows),
        REWARD: np.arange(rows),
    }
    whole = ArrayData(arrays, Layout(("x",), (), (), ("a", "b")), (), PropensityWeighting(clip=3.0))
    of_all = sums(whole.counted)

    class Member(Workers):
        def __init__(self, index: int) -> None:
            self.index, self.count = index, count

        def sum(self, values: Any) -> Any:
            assert values.shape == of_all.shape
            return of_all

    made = [SharedData(whole, Member(index)) for index in range(count)]
    own = [share._own.counted for share in made]
    parts = np.array([sums(part) for part in own])
    np.testing.assert_allclose(parts.sum(axis=0), of_all)
    return made


def test_each_row_is_one_workers() -> None:
    seen = [batch["reward"].numpy() for share in shares(103, 4) for batch in share.batches(10)]
    assert sorted(np.concatenate(seen)) == list(range(103))
    assert max(map(len, seen)) == 3  # of 10, for four


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs", "count"),
    [(1001, 128, 8, 2), (3000, 3, 6, 2), (1000, 512, 12, 100), (10, 10, 1, 3), (7, 512, 1, 2)],
)
def test_nobody_runs_out_of_rows_before_the_last_step(
    rows: int, batch_size: int, epochs: int, count: int
) -> None:
    """Each step needs a batch of every worker, also where a batch cannot be shared evenly."""
    steps = max(rows * epochs // batch_size, 1)
    part = -(-batch_size // count)
    for share in shares(rows, count)[:: max(count // 2 - 1, 1)]:
        sizes = [len(batch["reward"]) for batch in share.batches(batch_size, epochs, seed=1)]
        assert len(sizes) >= steps
        if rows * epochs >= batch_size:
            assert set(sizes) == {part}
        else:
            assert sum(sizes) <= part


def test_a_share_without_a_known_recommender_counts_as_the_whole_does() -> None:
    first, second = shares(100, 2, action=np.arange(100) % 2 - 1)
    assert first._own.counted.unknown_recommender == 50
    assert first.totals == second.totals
    assert first.totals.unknown_recommender == 50
    assert all(not batch["weight"].numpy().any() for batch in first.batches(20, 1, seed=1))
    with pytest.raises(DataError, match="100 rows, none of which shows"):
        _ = shares(100, 2, action=-1)[0].totals


def test_fewer_rows_than_workers_are_refused() -> None:
    for share in shares(2, 3):
        with pytest.raises(DataError, match="2 rows for 3 workers; allowed: at least one each"):
            share.batches(10, 1, seed=1)


def config(cluster: dict[str, list[str]], kind: str = "worker", index: int = 0) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"})


@pytest.mark.parametrize(
    "text",
    ["{}", config({}), config({"chief": ["a:1"]}, "chief"), config({"workerpool0": ["a:1"], "worker": []})],
)
def test_one_process_trains_by_itself(text: str) -> None:
    from components.trainer.distribution import tf_config

    assert tf_config(text) is None


@pytest.mark.parametrize(
    ("chief", "worker"), [("chief", "worker"), ("master", "worker"), ("workerpool0", "workerpool1")]
)
def test_tasks_by_any_of_their_names(chief: str, worker: str) -> None:
    from components.trainer.distribution import tf_config

    cluster = {chief: ["a:1"], worker: ["b:1", "c:1"]}
    named = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    for kind, name, index in ((chief, "chief", 0), (worker, "worker", 1)):
        found = tf_config(config(cluster, kind, index))
        assert found == {"cluster": named, "task": {"type": name, "index": index}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not JSON", 'TF_CONFIG: .*found "not JSON"'),
        ('{"cluster": {"worker": "a:1"}}', r"TF_CONFIG: cluster\.worker: "),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "cluster: found ps; allowed: chief, "),
        (config({"chief": ["a:1"], "master": ["b:1"]}, "chief"), "found 2 chiefs; allowed: one, or none"),
        (config({"worker": ["a:1", "b:1"]}, "worker", 2), "task: found worker 2; allowed: one of"),
        (config({"worker": ["a:1", "b:1"]}, "evaluator"), "task: found evaluator 0; allowed: one of"),
        (json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}), "task: found none; allowed: one of"),
    ],
)
def test_a_process_without_a_place_in_the_cluster_does_not_train(text: str, message: str) -> None:
    from components.trainer.distribution import tf_config

    with pytest.raises(SettingsError, match=message):
        tf_config(text)
