"""The private parts of Beam that we rely on; a test here fails when one of them changes."""

from __future__ import annotations

import datetime as dt
import inspect
import logging
from typing import Any, cast

import pytest
from apache_beam.io.components.adaptive_throttler import AdaptiveThrottler
from apache_beam.io.gcp.datastore.v1new import datastoreio
from apache_beam.io.gcp.datastore.v1new.rampup_throttling_fn import RampupThrottlingFn
from google.api_core.exceptions import Forbidden, ServiceUnavailable

from components.prediction_storer import beam_datastore
from components.prediction_storer.beam_datastore import Committer, Throttle
from newsletter_bandit.errors import DataError
from pipelines.events import StepEvent
from pipelines.local.running import _Steps


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("element_to_client_batch_item", "without it no element becomes a mutation"),
        ("add_to_batch", "without it a mutation reaches no commit, and a retry sends an empty one"),
        ("start_bundle", "without it there is no client and no `_batch` to add to"),
        ("process", "without it nothing counts what a commit holds"),
        ("finish_bundle", "without it the last rows of a bundle are lost"),
    ],
)
def test_beams_writer_has_the_methods_that_the_batches_go_through(name: str, needed: str) -> None:
    writer = datastoreio._Mutate.DatastoreMutateFn
    assert callable(getattr(writer, name, None)), f"Beam's DatastoreMutateFn has no {name}: {needed}"


def test_beams_writer_takes_a_project_and_hands_elements_on() -> None:
    writer = datastoreio._Mutate.DatastoreMutateFn
    assert list(inspect.signature(writer.__init__).parameters) == ["self", "project"]
    called = inspect.getsource(writer.process) + inspect.getsource(writer.write_mutations)
    for part in ("self.element_to_client_batch_item(element)", "self.add_to_batch(", "self._batch.commit()"):
        assert part in called, (
            f"Beam's DatastoreMutateFn no longer calls {part}: batches would not be written"
        )


def test_a_committer_says_how_an_element_becomes_a_mutation() -> None:
    class Doubling(Committer):
        def mutation(self, element: int) -> int:
            return 2 * element

    assert Doubling("my-project", 1.0).element_to_client_batch_item(4) == 8
    with pytest.raises(NotImplementedError):
        Committer("my-project", 1.0).element_to_client_batch_item(4)


def test_beams_writer_can_be_called_without_its_own_retries() -> None:
    once = datastoreio._Mutate.DatastoreMutateFn.write_mutations.__wrapped__
    assert list(inspect.signature(once).parameters) == [
        "self",
        "throttler",
        "rpc_stats_callback",
        "throttle_delay",
    ]


class Away:
    """A client whose commits fail so many times."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error = failures, error
        self.committed: list[list[int]] = []

    def batch(self) -> Batch:
        return Batch(self)


class Batch:
    def __init__(self, client: Away) -> None:
        self.client = client
        self.mutations: list[int] = []

    def begin(self) -> None: ...

    def commit(self, retry: object = None, timeout: float | None = None) -> None:
        assert timeout is not None
        if self.client.failures:
            self.client.failures -= 1
            raise self.client.error
        self.client.committed.append(list(self.mutations))


def committer(client: Away, patience: float) -> Committer:
    found = Committer("my-project", patience)
    found._client = client
    found._batch, found._batch_elements = None, [1, 2]
    return found


def test_a_commit_is_tried_again_and_the_terminal_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beam_datastore, "_FIRST_PAUSE", 0.01)
    shown: list[StepEvent] = []
    steps = _Steps(cast(Any, None), shown.append)
    logger = logging.getLogger("absl")
    logger.addHandler(steps)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        logger.info("Component %s is running.", "PredictionStorer")
        client = Away(2, ServiceUnavailable("failed to connect"))
        committer(client, 30.0).write_mutations(AdaptiveThrottler(1000, 100, 1e9), lambda **_: None)
    finally:
        logger.removeHandler(steps)
        logger.setLevel(before)
    assert client.committed == [[1, 2]]
    _, *waiting = shown
    assert [event.step for event in waiting] == ["PredictionStorer"] * 2
    words = "Datastore of project my-project: 503 failed to connect; it is tried again for 30 s"
    assert words in waiting[0].detail


@pytest.mark.parametrize(
    ("error", "patience"), [(ServiceUnavailable("failed to connect"), 0.03), (Forbidden("no right"), 30.0)]
)
def test_a_commit_is_given_up_with_one_sentence(
    error: Exception, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beam_datastore, "_FIRST_PAUSE", 0.01)
    client = Away(1000, error)
    with pytest.raises(DataError, match=r"my-project: .*; given up after [0-9]+ s .*call the command again"):
        committer(client, patience).write_mutations(AdaptiveThrottler(1000, 100, 1e9), lambda **_: None)


def test_beams_throttle_keeps_what_the_batches_count_in() -> None:
    throttle = Throttle(4)
    assert throttle.workers == 4
    assert isinstance(throttle._first_instant, dt.datetime), "the ramp begins when the worker does"
    throttle._successful_ops.add(1000.0, 3)
    assert throttle._successful_ops.sum(1000.0) == 3, "the operations of the last second, in milliseconds"
    assert callable(throttle._throttled_secs.inc), "the counter that Dataflow scales by"
    assert list(inspect.signature(RampupThrottlingFn._calc_max_ops_budget).parameters)[1:] == [
        "first_instant",
        "current_instant",
    ]


def test_the_budget_of_a_worker() -> None:
    began = dt.datetime(2026, 1, 5)
    throttle = Throttle(4)
    assert throttle.budget(began, began) == 125
    assert throttle.budget(began, began + dt.timedelta(minutes=10)) == 187
