"""Fields read off a dataclass, and their columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from serving.fields import INDEXED, Field, fields_of
from serving.stores.sqlite import identifier


def test_fields_come_from_the_dataclass() -> None:
    @dataclass
    class Record:
        user_id: str
        scores: tuple[float, ...] = field(default=(), metadata=INDEXED)

    assert fields_of(Record) == (
        Field("user_id", "STRING", indexed=False),
        Field("scores", "ARRAY<FLOAT64>", indexed=True),
    )
    assert [each.is_list for each in fields_of(Record)] == [False, True]


def test_a_type_that_no_store_can_hold_is_refused() -> None:
    @dataclass
    class Record:
        count: int

    with pytest.raises(TypeError, match=r"Record\.count: found <class 'int'>; allowed: str, bool, datetime"):
        fields_of(Record)


def test_a_field_may_be_named_as_a_word_of_sql() -> None:
    assert [identifier(name) for name in ("user_id", "group", "order")] == ["user_id", '"group"', '"order"']
