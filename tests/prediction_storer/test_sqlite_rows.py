"""The rows of the SQLite file are, to the letter, those of the rankings one by one."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from components.prediction_storer.checking import Checker
from components.prediction_storer.sqlite_rows import number_lists, stored_rows
from serving.stores.sqlite import to_row
from tests.prediction_storer.prediction_rows import STAMP, batch, row

RECOMMENDERS = ("deals", 'say "ä"', "back\\slash")
CHECKER = Checker(RECOMMENDERS, STAMP)
figures = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1.0, 1.0, width=32)


@given(st.lists(st.lists(figures, min_size=1, max_size=4), max_size=5))
def test_numbers_as_json_writes_them(lists: list[list[float]]) -> None:
    written = number_lists(pa.array(lists, pa.list_(pa.float64())))
    assert written == [json.dumps(numbers) for numbers in lists]


def test_numbers_of_every_size_and_each_exponent() -> None:
    rng = np.random.default_rng(3)
    random = rng.integers(0, 2**64, 50_000, dtype=np.uint64).view(np.float64)
    powers = [factor * 10.0**power for power in range(-12, 20) for factor in (1.0, -1.0, 1.5, 9.999999)]
    small = rng.uniform(-2e-4, 2e-4, 10_000).astype(np.float32).astype(np.float64)
    numbers = np.concatenate([random[np.isfinite(random)], powers, small, [0.0, -0.0, 5e-324]]).tolist()
    lists = [numbers[:7], *([number] for number in numbers), numbers]
    assert number_lists(pa.array(lists, pa.list_(pa.float64()))) == [json.dumps(each) for each in lists]


def test_rows_as_the_store_writes_them() -> None:
    names = [name.encode() for name in RECOMMENDERS]
    drawn = [
        row(
            f"ü-{number}",
            campaign=[f"woche {number % 3}".encode()],
            recommenders=[names[number % 3], names[(number + 1) % 3], b""],
            scores=[number / 7e4, -number / 3, 0.0],
            propensities=[(number + 1) / 21, 1.0, 0.0],
            explored=[number % 2],
            expires_after_days=[1 + number % 4],
        )
        for number in range(20)
    ]
    checked, rejections = CHECKER.check(batch(drawn))
    assert not rejections
    # A part of a batch, too, whose arrays begin in the middle of others.
    for part in (checked, checked.slice(3, 5), checked.slice(0, 0)):
        assert list(stored_rows(part, CHECKER)) == [to_row(ranking) for ranking in CHECKER.rankings(part)]
