"""One set of tests for both stores: SQLite, and Datastore against the real emulator."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.ranking import Ranking
from serving.stores.base import Ages, RankingStore, StoreError
from serving.stores.sqlite import SQLiteStore
from tests.emulators.server_processes import PROJECT
from tests.rankings import GENERATED_AT, make_ranking


def ranking_of(user_id: str, *, campaign: str = "monday") -> Ranking:
    return make_ranking(
        user_id=user_id,
        recommenders=("deals", "neuheiten für dich"),
        scores=(0.123456789012345, -1e-9),
        explored=True,
        campaign=campaign,
        expires_at=GENERATED_AT + dt.timedelta(days=8, microseconds=5),
    )


@pytest.fixture(params=["sqlite", pytest.param("datastore", marks=pytest.mark.emulator)])
def store(request: pytest.FixtureRequest, tmp_path: Path, namespace: str) -> Iterator[RankingStore]:
    opened: RankingStore
    if request.param == "sqlite":
        opened = SQLiteStore(tmp_path / "rankings.sqlite")
    else:
        request.getfixturevalue("datastore_emulator")
        from serving.stores.datastore import DatastoreStore

        opened = DatastoreStore(PROJECT, "Ranking", namespace)
    yield opened
    opened.close()


def test_gives_back_exactly_what_was_put(store: RankingStore) -> None:
    ranking = ranking_of("user-1")
    store.put_many([ranking])
    assert store.get("user-1") == ranking


def test_another_use_cases_rankings_are_named(store: RankingStore) -> None:
    store.require("homepage")
    store.put_many([ranking_of("user-1"), ranking_of("user-2")])
    store.require("newsletter")
    with pytest.raises(
        StoreError, match="holds rankings of the use case newsletter; allowed: those of homepage"
    ):
        store.require("homepage")


def test_nothing_for_an_unknown_user(store: RankingStore) -> None:
    assert store.get("nobody") is None
    assert store.get_many(["nobody", "no one"]) == {}
    assert store.count() == 0


def test_putting_again_replaces(store: RankingStore) -> None:
    store.put_many([ranking_of("user-1"), ranking_of("user-2")])
    replaced = ranking_of("user-1", campaign="tuesday")
    store.put_many([replaced])
    assert store.get("user-1") == replaced
    assert store.get("user-2") == ranking_of("user-2")
    assert store.count() == 2


def test_the_last_of_several_of_one_user_stays(store: RankingStore) -> None:
    store.put_many([ranking_of("user-1", campaign="first"), ranking_of("user-1", campaign="last")])
    found = store.get("user-1")
    assert found is not None
    assert found.campaign == "last"
    assert store.count() == 1


def test_putting_nothing_changes_nothing(store: RankingStore) -> None:
    store.put_many([])
    assert store.count() == 0


def test_more_users_than_one_request_takes(store: RankingStore) -> None:
    rankings = {f"user-{number}": ranking_of(f"user-{number}") for number in range(1203)}
    store.put_many(rankings.values())
    assert store.count() == 1203
    assert store.get_many([*rankings, "nobody", "user-0"]) == rankings


def test_delete_forgets_one_user(store: RankingStore) -> None:
    store.put_many([ranking_of("user-1"), ranking_of("user-2")])
    store.delete("user-1")
    store.delete("nobody")
    assert store.get("user-1") is None
    assert store.count() == 1


@pytest.mark.parametrize(
    "user_id",
    ["a/b", "ü@例え.jp", " ", "line\nbreak", "'; DROP TABLE rankings; --", "1", "x" * 1500, "é" * 750],
)
def test_odd_user_ids(store: RankingStore, user_id: str) -> None:
    ranking = ranking_of(user_id)
    store.put_many([ranking])
    assert store.get(user_id) == ranking
    assert store.get_many([user_id]) == {user_id: ranking}


def test_a_whole_number_stays_a_number(store: RankingStore) -> None:
    ranking = dataclasses.replace(ranking_of("user-1"), scores=(1.0, 0.0))
    store.put_many([ranking])
    found = store.get("user-1")
    assert found is not None
    assert [type(score) for score in found.scores] == [float, float]


def test_the_ages_are_those_of_the_newest_and_of_all(store: RankingStore) -> None:
    assert store.ages(GENERATED_AT) is None
    assert store.newest_day() is None
    for number, user_id in enumerate(("user-1", "user-2", "user-3")):
        generated_at = GENERATED_AT - dt.timedelta(days=4 * number)
        store.put_many(
            [make_ranking(user_id=user_id, generated_at=generated_at, model_version=f"version-{number}")]
        )
    assert store.newest_day() == GENERATED_AT
    ends = GENERATED_AT + dt.timedelta(days=8)
    for now, expired, older in ((GENERATED_AT, 1, 1), (ends - dt.timedelta(seconds=1), 2, 0), (ends, 3, 0)):
        assert store.ages(now) == Ages(3, expired, older, GENERATED_AT, ends, "version-0")
