"""Writes rankings to Datastore."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.datastore.v1new import datastoreio
from apache_beam.io.gcp.datastore.v1new.types import Entity, Key
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions

from components.prediction_storer.checking import Checker
from pipelines.settings import DatastoreStore
from serving.ranking import UNINDEXED_PROPERTIES, Ranking


class WriteToDatastore(beam.PTransform):
    """Beam's own writer; it finds an emulator through ``DATASTORE_EMULATOR_HOST``, as the client does."""

    def __init__(self, store: DatastoreStore, checker: Checker) -> None:
        super().__init__()
        self._store = store
        self._checker = checker

    def expand(self, checked: Any) -> Any:
        """Builds the graph."""
        store = self._store
        throttle = throttle_of(store, checked.pipeline.options)
        return (
            checked
            | "Rankings" >> beam.FlatMap(self._checker.rankings)
            | "ToEntity" >> beam.Map(to_entity, store.project, store.entity_kind, store.namespace)
            | "Write"
            >> datastoreio.WriteToDatastore(
                store.project,
                throttle_rampup=throttle is not None,
                hint_num_workers=throttle or 1,
            )
        )


def throttle_of(store: DatastoreStore, options: PipelineOptions) -> int | None:
    """Workers among which Beam divides the budget of writes a second, or None where it is not to throttle.

    Args:
      store: its own settings come first.
      options: of the pipeline that writes; they name the runner and how many workers it may start.
    """
    enabled = store.throttle_rampup
    if enabled is None:
        # One machine's writer slows down by itself when Datastore does; many that begin at once are too late for that.
        enabled = options.view_as(StandardOptions).runner == "DataflowRunner"
    if not enabled:
        return None
    workers = options.view_as(WorkerOptions)
    # Without autoscaling Dataflow keeps the number that it began with.
    fixed = workers.num_workers if workers.autoscaling_algorithm == "NONE" else None
    return store.hint_num_workers or fixed or workers.max_num_workers or 1


def to_entity(ranking: Ranking, project: str, kind: str, namespace: str | None) -> Entity:
    """Beam's entity of a ranking, the user_id being the key's name."""
    key = Key([kind, ranking.user_id], project=project, namespace=namespace)
    entity = Entity(key, exclude_from_indexes=UNINDEXED_PROPERTIES)
    entity.set_properties(ranking.to_properties())
    return entity
