"""Files of transformed examples: any number of them, held in memory or streamed, shared among workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.training_rows import draw_rows, layout, write_files
from tests.tiny import Prepared

ROWS, SIZES = 12_000, (5, 3)


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    """Row i has reward i."""
    rows = dict(draw_rows(ROWS, layout(3, 4, 2), SIZES, 7))
    return {**rows, "reward": np.arange(ROWS, dtype=np.float32)}


@pytest.fixture(scope="module")
def files(arrays: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Eleven: more than are read at once. One holds less than a block, and one nothing."""
    folder = tmp_path_factory.mktemp("rows") / "files"
    write_files(arrays, folder, 10)
    write_files({key: values[:0] for key, values in arrays.items()}, folder / "none", 1)
    return [str(path) for path in folder.rglob("*.gz")]


def file_data(files: list[str]) -> Any:
    from components.trainer.data import FileData
    from newsletter_bandit.settings.agents import PropensityWeighting

    return FileData(files, layout(3, 4, 2), SIZES, PropensityWeighting())


def rewards(batches: Any) -> Any:
    return np.concatenate([batch["reward"].numpy() for batch in batches])


@pytest.fixture(params=["held", "streamed"])
def bound(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    from components.trainer import data

    if request.param == "streamed":
        monkeypatch.setattr(data, "HELD_BYTES", 100_000)
    return str(request.param)


def test_every_row_is_read_once(bound: str, files: list[str], arrays: dict[str, Any]) -> None:
    data = file_data(files)
    assert (data._read[1] is None) == (bound == "streamed")
    assert data.totals.rows == ROWS
    in_order = rewards(data.batches(1000))
    assert sorted(in_order) == list(range(ROWS))
    np.testing.assert_array_equal(in_order, np.concatenate([block["reward"] for block in data.blocks(700)]))
    for batch in data.batches(1000):
        row = batch["reward"].numpy().astype(int)
        for key in ("numeric", "categorical", "eligible", "action", "propensity"):
            np.testing.assert_array_equal(batch[key].numpy(), arrays[key][row])
            assert batch[key].dtype in ("float32", "int64")


def test_shuffled_batches_are_whole_and_the_same_again(bound: str, files: list[str]) -> None:
    first, again, other = (rewards(file_data(files).batches(512, 2, seed)) for seed in (3, 3, 4))
    assert len(first) == 2 * ROWS // 512 * 512
    assert np.bincount(first.astype(int), minlength=ROWS).max() == 2
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("count", [2, 3])
def test_workers_share_the_rows(bound: str, count: int, files: list[str]) -> None:
    parts = [file_data(files).shard(index, count) for index in range(count)]
    read = file_data(files)
    assert read.totals.rows == ROWS
    for shares in (parts, [read.shard(index, count) for index in range(count)]):
        seen = [rewards(share.batches(1000)) for share in shares]
        assert sorted(np.concatenate(seen)) == list(range(ROWS))
        assert max(map(len, seen)) - min(map(len, seen)) <= 1


def test_a_held_row_is_small(files: list[str]) -> None:
    """4 numbers, 2 strings, 3 eligible, action, propensity and reward."""
    held = file_data(files)._read[1]
    assert sum(values.nbytes for values in held.arrays.values()) == ROWS * (4 * 4 + 2 * 4 + 3 + 3 * 4)


def test_streamed_sums_are_those_held(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.trainer import data
    from components.trainer.agents import linear
    from newsletter_bandit.settings.agents import LinUCB
    from tests.trainer.linear_tasks import make_task

    settings = LinUCB(type="lin_ucb")
    held = linear.sums(make_task(prepared, settings, True).data, 700)
    monkeypatch.setattr(data, "HELD_BYTES", 1000)
    streamed = linear.sums(make_task(prepared, settings, True).data, 512)
    for one, other in zip(held, streamed, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_an_index_out_of_range_is_refused(arrays: dict[str, Any]) -> None:
    from components.trainer.agents.linear_sums import Adder
    from newsletter_bandit.errors import DataError

    names = ("numeric", "categorical", "action", "propensity", "reward")
    numbers, strings, action, weight, reward = (arrays[name][:10] for name in names)
    with pytest.raises(DataError, match="found action 9; allowed: below 3"):
        Adder(3, 4, SIZES).add(numbers, strings, action + np.array([0] * 9 + [9 - action[9]]), weight, reward)
    for wrong in (-1, 5):
        with pytest.raises(DataError, match=r"found categorical indices .*; allowed: 0 to \[4 2\]"):
            Adder(3, 4, SIZES).add(numbers, np.where(strings == 0, wrong, strings), action, weight, reward)
