"""Writes rankings to Datastore, many per commit, with Beam's own writer underneath.

Beam's writer takes entities of its own class, one by one through every step, and turns each into a protobuf
twice. Here, a step takes whole batches and makes the protobufs itself. Everything after that is Beam's: the
size of a commit by count, bytes and latency, retries of transient errors, throttling after errors, and the
counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions
from google.cloud.datastore_v1.types import Mutation

from components.prediction_storer.beam_datastore import Committer, Throttle
from components.prediction_storer.checking import Checker
from components.prediction_storer.post_process import Stamp
from newsletter_bandit.ranking_store import refuse_older
from newsletter_bandit.settings.environment import DatastoreStore
from serving.ranking import UNINDEXED_PROPERTIES, Ranking
from serving.stores.datastore import DatastoreStore as Rankings

_UNINDEXED = frozenset(UNINDEXED_PROPERTIES)


class WriteToDatastore(beam.PTransform):
    """PCollection of checked batches -> the same, entities by the end of their bundle; finds an emulator
    through ``DATASTORE_EMULATOR_HOST``, as the client does.
    """

    def __init__(self, store: DatastoreStore, checker: Checker, force: bool = False) -> None:
        super().__init__()
        self._store = store
        self._checker = checker
        self._force = force

    def expand(self, checked: Any) -> Any:
        """Builds the graph."""
        checked = checked | "RequireUseCase" >> beam.ParDo(
            _Require(self._store, self._checker.stamp, self._force)
        )
        throttle = throttle_of(self._store, checked.pipeline.options)
        if throttle is not None:
            checked = checked | "RampUp" >> beam.ParDo(RampUp(throttle))
        return checked | "Write" >> beam.ParDo(_Write(self._store, self._checker))


class _Require(beam.DoFn):
    """Passes batches on, once it has seen that no other use case's rankings would be replaced, and none of a
    later day unless ``force``.

    Only Dataflow's workers may look into the store, so each of them looks, before its first batch.
    """

    def __init__(self, store: DatastoreStore, stamp: Stamp, force: bool) -> None:
        super().__init__()
        self._store = store
        self._stamp = stamp
        self._force = force
        self._looked = False

    def process(self, checked: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if not self._looked:
            store = self._store
            rankings = Rankings(store.project, store.entity_kind, store.namespace)
            rankings.require(self._stamp.use_case)
            if not self._force:
                refuse_older(rankings.newest_day(), self._stamp.generated_at.date())
            self._looked = True
        yield checked


class RampUp(Throttle):
    """Beam's throttle for batches: each row counts as an operation, and a batch is let through in parts."""

    def process(self, checked: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Parts of the batch, in order, as the budget per second allows."""
        start = 0
        while start < checked.num_rows:
            part = checked.slice(start, self.acquire(checked.num_rows - start))
            start += part.num_rows
            yield part


class _Write(Committer):
    """Checked batch -> upserts; a bundle that is tried again writes the same entities."""

    def __init__(self, store: DatastoreStore, checker: Checker) -> None:
        super().__init__(store.project, store.patience_seconds)
        self._store = store
        self._checker = checker

    def process(self, checked: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        for ranking in self._checker.rankings(checked):
            self.add(ranking)
        yield checked

    def mutation(self, element: Ranking) -> Any:
        return to_mutation(element, self._store)


def throttle_of(store: DatastoreStore, options: PipelineOptions) -> int | None:
    """Workers among which Beam divides the budget of writes per second; None if it should not throttle.

    Args:
      store: settings of the store, which come first.
      options: options of the pipeline that writes; they name the runner and how many workers it may start.
    """
    enabled = store.throttle_rampup
    if enabled is None:
        # One machine's writer slows down when Datastore does; many writers that begin at once are too late
        # for that.
        enabled = options.view_as(StandardOptions).runner == "DataflowRunner"
    if not enabled:
        return None
    workers = options.view_as(WorkerOptions)
    # Without autoscaling Dataflow keeps the number that it began with.
    fixed = workers.num_workers if workers.autoscaling_algorithm == "NONE" else None
    return store.hint_num_workers or fixed or workers.max_num_workers or 1


def to_mutation(ranking: Ranking, store: DatastoreStore) -> Any:
    """The upsert of a ranking, with the user_id as the key's name; equal to the client's, field by field."""
    mutation = Mutation.pb()()
    entity = mutation.upsert
    partition = entity.key.partition_id
    partition.project_id = store.project
    if store.namespace is not None:
        partition.namespace_id = store.namespace
    entity.key.path.add(kind=store.entity_kind, name=ranking.user_id)
    properties = entity.properties
    for name, value in ranking.to_properties().items():
        _set(properties[name], value, name in _UNINDEXED)
    return Mutation.wrap(mutation)


def _set(target: Any, value: Any, unindexed: bool) -> None:
    # A list has no index of its own, only its items do.
    if isinstance(value, list):
        add = target.array_value.values.add
        for item in value:
            _set(add(), item, unindexed)
        return
    if unindexed:
        target.exclude_from_indexes = True
    if isinstance(value, float):
        target.double_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.boolean_value = value
    else:
        target.timestamp_value.FromDatetime(value)
