from __future__ import annotations

import datetime as dt
import json
import math
import sqlite3
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.ranking import FIELDS, UNINDEXED_PROPERTIES, Ranking, RankingError, check_user_id
from serving.stores.sqlite import SQLiteStore
from tests.rankings import GENERATED_AT, TABLE, make_ranking, ranking_fields

# What files that are in use were made with.


@st.composite
def rankings(draw: st.DrawFn) -> Ranking:
    names = draw(
        st.lists(st.text(string.ascii_letters + " _é", min_size=1), min_size=1, max_size=6, unique=True)
    )
    count = len(names)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    generated_at = draw(
        st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))
    )
    user_ids = st.text(min_size=1, max_size=40).filter(lambda text: not text.startswith("__"))
    return make_ranking(
        user_id=draw(user_ids),
        recommenders=tuple(names),
        scores=tuple(draw(st.lists(finite, min_size=count, max_size=count))),
        propensities=tuple(draw(st.lists(st.floats(0, 1, exclude_min=True), min_size=count, max_size=count))),
        explored=draw(st.booleans()),
        campaign=draw(st.text(max_size=10)),
        model_version=draw(st.text(max_size=10)),
        generated_at=generated_at,
        expires_at=generated_at + dt.timedelta(seconds=draw(st.integers(1, 10**7))),
    )


@given(rankings())
def test_json_and_properties_give_the_record_back(ranking: Ranking) -> None:
    assert Ranking.from_json_dict(json.loads(json.dumps(ranking.to_json_dict()))) == ranking
    assert Ranking.from_properties(ranking.user_id, ranking.to_properties()) == ranking


def test_json_form() -> None:
    assert make_ranking().to_json_dict() == {
        "user_id": "user-1",
        "recommenders": ["deals", "refill"],
        "scores": [0.5, -0.25],
        "propensities": [0.925, 1.0],
        "explored": False,
        "campaign": "monday",
        "use_case": "newsletter",
        "model_version": "7",
        "generated_at": "2026-03-02T00:00:00Z",
        "expires_at": "2026-03-10T00:00:00Z",
    }


def test_the_table_and_the_index_are_those_of_the_stores_in_use(tmp_path: Path) -> None:
    path = tmp_path / "rankings.sqlite"
    SQLiteStore(path).close()
    assert sqlite3.connect(path).execute("SELECT sql FROM sqlite_master").fetchall() == [(TABLE,)]
    assert UNINDEXED_PROPERTIES == (
        "recommenders", "scores", "propensities", "explored", "campaign", "use_case", "model_version",
        "generated_at", "checksum",
    )  # fmt: skip
    assert {each.name for each in FIELDS} - {*UNINDEXED_PROPERTIES} == {"user_id", "expires_at"}


def test_only_the_expiry_is_indexed() -> None:
    assert set(make_ranking().to_properties()) - set(UNINDEXED_PROPERTIES) == {"expires_at"}


def test_times_of_other_zones_become_utc() -> None:
    zurich = dt.timezone(dt.timedelta(hours=1))
    ranking = make_ranking(generated_at=dt.datetime(2026, 3, 2, 1, tzinfo=zurich))
    assert ranking == make_ranking()
    assert ranking.generated_at.tzinfo is dt.UTC


def test_expires_at_the_very_moment() -> None:
    ranking = make_ranking()
    assert ranking.expired(ranking.expires_at)
    assert not ranking.expired(ranking.expires_at - dt.timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_id": ""}, "missing_user_id"),
        ({"user_id": "x" * 1501}, "invalid_user_id"),
        ({"user_id": "é" * 751}, "invalid_user_id"),
        ({"user_id": "\ud800"}, "invalid_user_id"),
        ({"user_id": "__reserved__"}, "invalid_user_id"),
        ({"recommenders": (), "scores": (), "propensities": ()}, "no_eligible_recommender"),
        ({"recommenders": ("deals", "deals")}, "repeated_recommender"),
        ({"recommenders": ("deals", "")}, "unnamed_recommender"),
        ({"scores": (0.5,)}, "unequal_lengths"),
        ({"propensities": (0.5, 0.5, 0.5)}, "unequal_lengths"),
        ({"scores": (0.5, math.nan)}, "score_not_finite"),
        ({"scores": (math.inf, 0.5)}, "score_not_finite"),
        ({"propensities": (0.0, 1.0)}, "propensity_out_of_range"),
        ({"propensities": (0.5, 1.0001)}, "propensity_out_of_range"),
        ({"propensities": (math.nan, 1.0)}, "propensity_out_of_range"),
        ({"generated_at": dt.datetime(2026, 3, 2)}, "naive_timestamp"),
        ({"expires_at": dt.datetime(2026, 3, 10)}, "naive_timestamp"),
        ({"expires_at": GENERATED_AT}, "expires_too_early"),
    ],
)
def test_refuses(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RankingError) as refused:
        make_ranking(**changes)
    assert refused.value.reason == reason
    assert str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": 1},
        {"recommenders": "deals"},
        {"recommenders": ["deals", 1]},
        {"scores": ["0.5", 0.25]},
        {"propensities": [True, 1.0]},
        {"explored": 1},
        {"campaign": None},
        {"generated_at": "yesterday"},
        {"expires_at": None},
    ],
)
def test_refuses_json_of_other_types(changes: dict[str, Any]) -> None:
    with pytest.raises(RankingError) as refused:
        Ranking.from_json_dict({**make_ranking().to_json_dict(), **changes})
    assert refused.value.reason == "malformed"


@pytest.mark.parametrize("name", sorted(ranking_fields()))
def test_refuses_json_without_a_field(name: str) -> None:
    record = make_ranking().to_json_dict()
    del record[name]
    with pytest.raises(RankingError):
        Ranking.from_json_dict(record)


def test_the_longest_user_id_is_allowed() -> None:
    check_user_id("x" * 1500)
    check_user_id("__half")
