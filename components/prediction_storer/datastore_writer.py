"""Writes rankings to Datastore."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.datastore.v1new import datastoreio
from apache_beam.io.gcp.datastore.v1new.types import Entity, Key

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
        return (
            checked
            | "Rankings" >> beam.FlatMap(self._checker.rankings)
            | "ToEntity" >> beam.Map(to_entity, store.project, store.entity_kind, store.namespace)
            | "Write"
            >> datastoreio.WriteToDatastore(
                store.project,
                throttle_rampup=store.throttle_rampup,
                hint_num_workers=store.hint_num_workers,
            )
        )


def to_entity(ranking: Ranking, project: str, kind: str, namespace: str | None) -> Entity:
    """Beam's entity of a ranking, the user_id being the key's name."""
    key = Key([kind, ranking.user_id], project=project, namespace=namespace)
    entity = Entity(key, exclude_from_indexes=UNINDEXED_PROPERTIES)
    entity.set_properties(ranking.to_properties())
    return entity
