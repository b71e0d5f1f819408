"""The commits to Datastore, without one: what they hold, how large they are, what is tried again and what is
held back.
"""

from __future__ import annotations

import datetime as dt
import logging
import pickle
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.gcp.datastore.v1new import datastoreio, helper, rampup_throttling_fn
from apache_beam.io.gcp.datastore.v1new.types import Entity, Key
from apache_beam.testing.util import assert_that, equal_to
from google.api_core import exceptions
from google.cloud.datastore import helpers

from components.prediction_storer import beam_datastore, datastore_writer
from components.prediction_storer.checking import Checker
from components.prediction_storer.datastore_writer import RampUp, WriteToDatastore, to_mutation
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DatastoreStore
from serving.ranking import UNINDEXED_PROPERTIES
from tests.prediction_storer.prediction_rows import RECOMMENDERS, STAMP, batch, row

CHECKER = Checker(RECOMMENDERS, STAMP)


def store(**settings: Any) -> DatastoreStore:
    return DatastoreStore(kind="datastore", project="my-project", **settings)


def checked(count: int) -> Any:
    found, rejected = CHECKER.check(batch([row(f"user-{number}") for number in range(count)]))
    assert not rejected
    return found


@pytest.mark.parametrize("namespace", [None, "blue"])
def test_an_upsert_is_what_the_client_makes_of_the_entity(namespace: str | None) -> None:
    (ranking,) = CHECKER.rankings(checked(1))
    settings = store(namespace=namespace)
    key = Key([settings.entity_kind, ranking.user_id], project="my-project", namespace=namespace)
    entity = Entity(key, exclude_from_indexes=UNINDEXED_PROPERTIES)
    entity.set_properties(ranking.to_properties())
    expected = helpers.entity_to_protobuf(entity.to_client_entity())
    assert to_mutation(ranking, settings)._pb.upsert == expected._pb


class FakeBatch:
    """A batch of the client, whose commits fail as the test says."""

    def __init__(self, commits: list[list[str]], failures: list[Exception]) -> None:
        self.mutations: list[Any] = []
        self._commits, self._failures = commits, failures

    def begin(self) -> None:
        """Nothing to do."""

    def commit(self, retry: object = None, timeout: float | None = None) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self._commits.append([mutation.upsert.key.path[-1].name for mutation in self.mutations])


class FakeClient:
    def __init__(self, failures: list[Exception]) -> None:
        self.commits: list[list[str]] = []
        self._failures = failures

    def batch(self) -> FakeBatch:
        return FakeBatch(self.commits, self._failures)


def written(monkeypatch: pytest.MonkeyPatch, count: int, *failures: Exception) -> list[list[str]]:
    """Users of each commit for a bundle of ``count`` rows."""
    client = FakeClient(list(failures))
    monkeypatch.setattr(helper, "get_client", lambda *_, **__: client)
    writer = pickle.loads(pickle.dumps(datastore_writer._Write(store(), CHECKER)))
    writer.start_bundle()
    assert [batch.num_rows for batch in writer.process(checked(count))] == [count]
    writer.finish_bundle()
    return client.commits


def test_every_row_once_in_commits_that_grow_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    commits = written(monkeypatch, 1700)
    assert [user for commit in commits for user in commit] == [f"user-{number}" for number in range(1700)]
    # Beam begins with few, to see how long they take.
    assert [len(commit) for commit in commits] == [50, 500, 500, 500, 150]


def test_a_large_commit_is_split_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datastoreio.util, "WRITE_BATCH_MAX_BYTES_SIZE", 2000)
    commits = written(monkeypatch, 60)
    assert sum(map(len, commits)) == 60
    assert max(map(len, commits)) < 10


def test_a_transient_error_is_tried_again_with_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    commits = written(monkeypatch, 60, exceptions.ServiceUnavailable("later"), exceptions.Aborted("again"))
    assert sorted(user for commit in commits for user in commit) == sorted(f"user-{n}" for n in range(60))


def test_another_error_ends_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="403 no; given up after 0 s"):
        written(monkeypatch, 60, exceptions.PermissionDenied("no"))


@pytest.mark.parametrize(("later", "force", "stored"), [(0, False, True), (1, False, False), (1, True, True)])
def test_the_graph_looks_whose_rankings_there_are_and_of_which_day_and_writes(
    later: int, force: bool, stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = FakeClient([])
    looked = []

    class Rankings:
        def __init__(self, *_: object) -> None:
            pass

        def require(self, use_case: str) -> None:
            assert not client.commits
            looked.append(use_case)

        def newest_day(self) -> dt.datetime:
            return CHECKER.stamp.generated_at + dt.timedelta(days=later)

    monkeypatch.setattr(datastore_writer, "Rankings", Rankings)
    monkeypatch.setattr(helper, "get_client", lambda *_, **__: client)

    def write() -> None:
        with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
            rows = pipeline | beam.Create([checked(3)])
            out = rows | WriteToDatastore(store(throttle_rampup=True), CHECKER, force)
            assert_that(out | beam.Map(lambda batch: batch.num_rows), equal_to([3]))

    if stored:
        write()
    else:
        with pytest.raises(DataError, match="holds rankings made for"):
            write()
    assert client.commits == ([["user-0", "user-1", "user-2"]] if stored else [])
    assert looked == ["newsletter"]


class Clock:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_ = dt.datetime(2026, 3, 2)

    def now(self) -> dt.datetime:
        return self.now_

    def sleep(self, seconds: float) -> None:
        self.now_ += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    found = Clock()
    for module in (beam_datastore, rampup_throttling_fn):
        monkeypatch.setattr(module.time, "sleep", found.sleep)

    class Datetime(dt.datetime):
        @classmethod
        def now(cls, *_: object) -> dt.datetime:
            return found.now_

    monkeypatch.setattr(dt, "datetime", Datetime)
    logging.getLogger(rampup_throttling_fn.__name__).setLevel(logging.WARNING)
    return found


def test_rows_of_a_batch_share_the_budget_of_a_second(clock: Clock) -> None:
    """500 writes per second in the first five minutes, divided by the workers, in order and without loss."""
    rows = checked(1000)
    throttle = RampUp(4)
    began, sizes, users = clock.now(), [], []
    for part in throttle.process(rows):
        sizes.append(part.num_rows)
        users += part.column(0).to_pylist()
    assert users == rows.column(0).to_pylist()
    assert max(sizes) == 125
    assert 1000 / 125 - 1 <= (clock.now() - began).total_seconds() < 40


def test_the_budget_grows_by_half_every_five_minutes(clock: Clock) -> None:
    throttle = RampUp(1)
    began = clock.now()
    assert next(iter(throttle.process(checked(900)))).num_rows == 500
    clock.now_ = began + dt.timedelta(minutes=10)
    assert next(iter(throttle.process(checked(900)))).num_rows == 750
