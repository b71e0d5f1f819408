"""Typical users and their columns, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator.why.columns import RARE, Column, IntArray, Numbers, Texts, column, rounded
from components.evaluator.why.example_users import example_users, typical_rows
from newsletter_bandit.registry.evidence.explanation import Moved, Ranked
from newsletter_bandit.settings.tables import BoolFeature, DateFeature, NumberFeature, StringFeature

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3412.0, "3,400"),
        (0.1234, "0.12"),
        (-35.0, "-35"),
        (0.0, "0"),
        (2.04, "2"),
        (99.9, "100"),
        (1e6, "1,000,000"),
    ],
)
def test_numbers_are_rounded(value: float, text: str) -> None:
    assert rounded(value) == text


def test_columns_of_every_kind_with_missing_values() -> None:
    rows = pa.RecordBatch.from_pydict(
        {
            "city": pa.array([[b"Bern"], None, [b""], [b"Bern"]], pa.list_(pa.binary())),
            "height": pa.array([[170.0], None, [NAN], [math.inf]], pa.list_(pa.float32())),
            "joined": pa.array([[412.0], [3.0], None, [10.0]], pa.list_(pa.float32())),
            "member": pa.array([[1], [0], None, [1]], pa.list_(pa.int64())),
        }
    )
    city = column(rows, "city", StringFeature(type="string"))
    # Two of four users: who reads this could know them.
    assert [city.shown(row) for row in range(4)] == [RARE, None, None, RARE]
    assert city.typical(np.array([0, 1, 3])) == 0
    height = column(rows, "height", NumberFeature(type="number"))
    assert [height.shown(row) for row in range(4)] == ["170", None, None, None]
    assert height.typical(np.arange(4)) == 1  # most have none
    joined = column(rows, "joined", DateFeature(type="date"))
    assert [joined.shown(row) for row in range(4)] == ["410", "3", None, "10"]
    assert joined.typical(np.arange(4)) == 3
    member = column(rows, "member", BoolFeature(type="bool"))
    assert [member.shown(row) for row in range(4)] == ["yes", "no", None, "yes"]
    absent = column(rows, "weight", NumberFeature(type="number"))
    assert absent.constant
    assert absent.missing.all()


def test_users_are_typical_of_their_choice_and_differ_from_each_other() -> None:
    numbers = np.array([1.0, 2.0, 3.0, 4.0, 9.0, 20.0, 21.0, 22.0])
    columns: dict[str, Column] = {"orders": Numbers(numbers)}
    first, users = np.array([0, 0, 0, 0, 0, 1, 1, 1]), np.arange(8.0)
    # Of 1, 2, 3, 4 and 9 the median is 3, and the nearer half are 3, 2 and 4; of the others it is 21.
    assert typical_rows(columns, first, users, 2) == [2, 6]
    assert typical_rows(columns, first, users, 4) == [2, 1, 6, 5]
    # No user twice, however many rows there are.
    assert typical_rows(columns, first, np.array([0.0, 0, 0, 0, 0, 1, 1, 1]), 9) == [0, 5]


def test_what_moved_a_choice_is_found_by_putting_the_typical_value_in_its_place() -> None:
    colours = Texts(np.array([0] * 20 + [1] * 10), ("blue", "red"))
    ages = Numbers(np.array([30.0] * 20 + [50.0] * 10))
    first = np.array([0] * 20 + [1] * 10)  # red users get another recommender, whatever their age

    def first_with(rows: Sequence[int], feature: str, donor: int) -> IntArray:
        codes = colours.codes[[donor] * len(rows)] if feature == "colour" else colours.codes[list(rows)]
        return np.asarray(codes)

    rankings = [[Ranked(name, 0.1) for name in ("b", "a", "c", "d")]] * 2
    users = example_users({"colour": colours, "age": ages}, [25, 3], first, rankings, first_with, ("a", "b"))
    assert users[0].features == {"colour": "red", "age": "50"}
    assert users[0].moved == (Moved("colour", "blue", "a"),)
    assert [one.recommender for one in users[0].ranking] == ["b", "a", "c"]
    assert users[1].moved == ()
