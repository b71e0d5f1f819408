"""The fields of the stored ranking, and what the stores make of them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from serving.fields import INDEXED, Field, fields_of
from serving.ranking import FIELDS, UNINDEXED_PROPERTIES
from serving.stores.sqlite import SQLiteStore

# What files that are in use were made with.
TABLE = """CREATE TABLE rankings (
  user_id TEXT NOT NULL PRIMARY KEY,
  recommenders TEXT NOT NULL,   -- JSON list, best first
  scores TEXT NOT NULL,         -- JSON list
  propensities TEXT NOT NULL,   -- JSON list
  explored INTEGER NOT NULL,
  campaign TEXT NOT NULL,
  model_version TEXT NOT NULL,
  generated_at TEXT NOT NULL,   -- RFC 3339, UTC
  expires_at TEXT NOT NULL      -- RFC 3339, UTC
) STRICT, WITHOUT ROWID
"""


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


def test_the_table_and_the_index_are_those_of_the_stores_in_use(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    SQLiteStore(path).close()
    assert sqlite3.connect(path).execute("SELECT sql FROM sqlite_master").fetchall() == [(TABLE,)]
    assert UNINDEXED_PROPERTIES == (
        "recommenders", "scores", "propensities", "explored", "campaign", "model_version", "generated_at",
    )  # fmt: skip
    assert {each.name for each in FIELDS} - {*UNINDEXED_PROPERTIES} == {"user_id", "expires_at"}
