"""Counts of first slots and of different rankings."""

from __future__ import annotations

import itertools

import pytest

from components.prediction_storer.checking import Checker
from components.prediction_storer.first_slots import FirstSlots
from tests.prediction_storer.prediction_rows import STAMP, batch, row

NAMES = tuple("abcdefgh")
CHECKER = Checker(NAMES, STAMP)


def found(rankings: list[tuple[str, ...]]) -> FirstSlots:
    rows = [
        row(
            f"user-{number}",
            recommenders=[name.encode() for name in names],
            scores=[0.5] * len(names),
            propensities=[1.0] * len(names),
        )
        for number, names in enumerate(rankings)
    ]
    return FirstSlots.of(CHECKER.check(batch(rows))[0], NAMES)


def test_rankings_that_differ_anywhere_are_different() -> None:
    first = found([("a", "b", "c"), ("a", "c", "b"), ("a", "b"), ("b",), ("a", "b", "c")])
    assert first.users == {"a": 4, "b": 1}
    assert (first.total, first.rankings) == (5, 4)
    other = found([("b",), ("c",)])
    both = first + other
    assert both == other + first == FirstSlots.merged([other, first])
    assert (both.users, both.rankings) == ({"a": 4, "b": 2, "c": 1}, 5)
    assert FirstSlots.from_json(both.to_json()) == both
    assert found([]) == FirstSlots()


def test_many_different_rankings_are_estimated() -> None:
    everything = list(itertools.permutations(NAMES))  # 40,320
    parts = [found(everything[start : start + 5000] * 2) for start in range(0, len(everything), 5000)]
    merged = FirstSlots.merged(parts)
    assert merged.total == 2 * len(everything)
    # The standard error is 1 / sqrt(1022) of it.
    assert merged.rankings == pytest.approx(len(everything), rel=0.13)
