"""The private parts of Beam that we rely on; a test here fails when one of them changes."""

from __future__ import annotations

import datetime as dt
import inspect

import pytest
from apache_beam.io.gcp.datastore.v1new import datastoreio
from apache_beam.io.gcp.datastore.v1new.rampup_throttling_fn import RampupThrottlingFn

from components.prediction_storer.beam_datastore import Committer, Throttle


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

    assert Doubling("my-project").element_to_client_batch_item(4) == 8
    with pytest.raises(NotImplementedError):
        Committer("my-project").element_to_client_batch_item(4)


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
