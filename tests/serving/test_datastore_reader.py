"""The endpoint's look-ups in Datastore, without one; tests/emulators has those with it."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import time

import pytest
from google.cloud import datastore
from google.cloud.datastore import helpers

from serving.checksum import CHECKSUM
from serving.ranking import UNINDEXED_PROPERTIES
from serving.stores import datastore_reader
from serving.stores.base import CorruptRankingError, StoreError
from serving.stores.datastore import ranking_from
from serving.stores.datastore_reader import DatastoreReader
from tests.rankings import make_ranking

MIDNIGHT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
RANKING = make_ranking(
    recommenders=("deals", "neuheiten für dich"),
    scores=(0.5, -1e-9),
    explored=True,
    generated_at=MIDNIGHT,
    expires_at=MIDNIGHT + dt.timedelta(days=8, microseconds=5),
)


def test_a_server_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up() -> None:
        reader = DatastoreReader("my-project", "Ranking", deadline=0.3)
        try:
            await reader.get("user-1")
        finally:
            await reader.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DATASTORE_EMULATOR_HOST", f"127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(StoreError, match="DEADLINE_EXCEEDED"):
            asyncio.run(look_up())
        assert time.monotonic() - began < 0.6


def properties(**changes: object) -> datastore_reader._Properties:
    entity = datastore.Entity(
        datastore.Key("Ranking", "user-1", project="p"), exclude_from_indexes=UNINDEXED_PROPERTIES
    )
    entity.update({**RANKING.to_properties(), **changes})
    if changes:
        # As of an earlier version, so that what is broken is found, and not only that something is.
        del entity[CHECKSUM]
    return datastore_reader._Properties(helpers.entity_to_protobuf(entity)._pb.properties)


def test_an_entity_is_read_as_it_was_written() -> None:
    assert ranking_from("user-1", properties()) == RANKING


@pytest.mark.parametrize(
    "change",
    [
        {"scores": [0.5, True]},
        {"scores": [0.5, "0.25"]},
        {"scores": [0.5, None]},
        {"scores": [0.5, float("nan")]},
        {"recommenders": ["deals", 1.0]},
        {"propensities": [0.925, 0.0]},
        {"campaign": None},
        {"explored": 1},
        {"generated_at": "2026-03-02"},
    ],
)
def test_a_broken_entity_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(CorruptRankingError, match="user-1"):
        ranking_from("user-1", properties(**change))


def test_whole_numbers_among_the_scores_are_numbers() -> None:
    found = ranking_from("user-1", properties(scores=[1, 0.25]))
    assert found.scores == (1.0, 0.25)


def test_an_entity_whose_checksum_does_not_fit_is_refused() -> None:
    entity = datastore.Entity(datastore.Key("Ranking", "user-1", project="p"))
    entity.update({**RANKING.to_properties(), "campaign": "mondaz"})
    found = datastore_reader._Properties(helpers.entity_to_protobuf(entity)._pb.properties)
    with pytest.raises(CorruptRankingError, match="its checksum is not that of its values"):
        ranking_from("user-1", found)
    # Another user's ranking under this name.
    with pytest.raises(CorruptRankingError, match="its checksum"):
        ranking_from("user-2", properties())
