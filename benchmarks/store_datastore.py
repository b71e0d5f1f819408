"""Rankings stored through Beam beside the bare client's `put_multi`: the same entities, the same Datastore
emulator.

    client    google-cloud-datastore's `put_multi`, 500 entities a call; the entities are made before the
              clock starts
    Beam's    Beam's own `WriteToDatastore`, entities one by one, made in a step before it
    ours      PredictionStorer's whole graph: check, look for duplicates, count, commit

Each run writes into an empty namespace, which is then counted and read back in part. Start and end of the
Beam pipeline are in the figures of both that use it.

    python -m benchmarks.store_datastore [--rows 50000] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import measuring, servers, stored_rankings
from benchmarks.measuring import Side, Target
from newsletter_bandit.settings.environment import DatastoreStore
from newsletter_bandit.settings.run_day import run_day
from pipelines.cli import runtime_defaults
from serving.ranking import UNINDEXED_PROPERTIES, Ranking

_PER_CALL = 500
_ROWS_PER_BATCH = 4096
_LOOKED_AT = 500


class WrongEntitiesError(Exception):
    """The stored entities are not those expected."""


def _settings(namespace: str) -> DatastoreStore:
    return DatastoreStore(
        kind="datastore", project=servers.PROJECT, namespace=namespace, throttle_rampup=False
    )


def client_side(rankings: Sequence[Ranking], namespace: str) -> float:
    """Seconds that `put_multi` takes."""
    from google.cloud import datastore

    client = datastore.Client(project=servers.PROJECT, namespace=namespace)
    kind = _settings(namespace).entity_kind
    entities = []
    for ranking in rankings:
        entity = datastore.Entity(
            client.key(kind, ranking.user_id), exclude_from_indexes=UNINDEXED_PROPERTIES
        )
        entity.update(ranking.to_properties())
        entities.append(entity)
    with measuring.clock() as found:
        for start in range(0, len(entities), _PER_CALL):
            client.put_multi(entities[start : start + _PER_CALL])
    return found["seconds"]


def beam_side(rankings: Sequence[Ranking], namespace: str) -> float:
    """Seconds of a pipeline with Beam's own writer."""
    import apache_beam as beam
    from apache_beam.io.gcp.datastore.v1new import datastoreio
    from apache_beam.io.gcp.datastore.v1new.types import Entity, Key

    kind = _settings(namespace).entity_kind
    stored_rankings.hold(rankings)

    def to_entity(ranking: Ranking) -> Any:
        key = Key([kind, ranking.user_id], project=servers.PROJECT, namespace=namespace)
        entity = Entity(key, exclude_from_indexes=UNINDEXED_PROPERTIES)
        entity.set_properties(ranking.to_properties())
        return entity

    with measuring.clock() as found, beam.Pipeline(argv=_BEAM) as pipeline:
        _ = (
            pipeline
            | beam.Create([None])
            | beam.FlatMap(stored_rankings.held)
            | beam.Map(to_entity)
            | datastoreio.WriteToDatastore(servers.PROJECT, throttle_rampup=False)
        )
    return found["seconds"]


def our_side(rankings: Sequence[Ranking], namespace: str) -> float:
    """Seconds of PredictionStorer's graph."""
    import apache_beam as beam

    from components.prediction_storer.counts import Counts
    from components.prediction_storer.post_process import Stamp
    from components.prediction_storer.transforms import StorePredictions

    with tempfile.TemporaryDirectory() as folder:
        file = _predictions(rankings, Path(folder))
        counts = Path(folder) / "counts.json"
        graph = StorePredictions(
            recommenders=stored_rankings.RECOMMENDERS,
            stamp=Stamp(rankings[0].model_version, rankings[0].generated_at, rankings[0].use_case),
            store=_settings(namespace),
            max_rejected_share=0.0,
            dead_letters=str(Path(folder) / "dead_letters.jsonl"),
            counts=str(counts),
        )
        with measuring.clock() as found, beam.Pipeline(argv=_BEAM) as pipeline:
            _ = pipeline | beam.Create([file]) | graph
        stored = Counts.from_json(counts.read_text(encoding="utf-8")).stored
    if stored != len(rankings):
        raise WrongEntitiesError(f"the step counted {stored} rows of {len(rankings)}")
    return found["seconds"]


_BEAM = ["--runner=FnApiRunner"]
_SIDES = {"client": client_side, "beam": beam_side, "ours": our_side}


def _predictions(rankings: Sequence[Ranking], folder: Path) -> str:
    """Path of a file as BulkInferrer leaves it."""
    import pyarrow as pa

    from components.bulk_inferrer.files import PredictionsWriter
    from components.bulk_inferrer.schema import SCHEMA

    path = str(folder / "predictions.parquet")
    with PredictionsWriter(path) as writer:
        for start in range(0, len(rankings), _ROWS_PER_BATCH):
            rows = [_prediction(ranking) for ranking in rankings[start : start + _ROWS_PER_BATCH]]
            columns = [pa.array([row[field.name] for row in rows], field.type) for field in SCHEMA]
            writer.write(pa.record_batch(columns, schema=SCHEMA))
    return path


def _prediction(ranking: Ranking) -> dict[str, Any]:
    return {
        "user_id": ranking.user_id.encode(),
        "campaign": ranking.campaign.encode(),
        "recommenders": [name.encode() for name in ranking.recommenders],
        "scores": list(ranking.scores),
        "propensities": list(ranking.propensities),
        "explored": int(ranking.explored),
        "expires_after_days": (ranking.expires_at - ranking.generated_at).days,
    }


def side(options: argparse.Namespace) -> None:
    """Writes in one of the ways, then checks what is stored."""
    from serving.stores.datastore import DatastoreStore as Rankings

    namespace = f"run-{uuid.uuid4().hex[:12]}"
    rankings = list(stored_rankings.rankings(options.rows, options.day))
    seconds = _SIDES[options.side](rankings, namespace)
    store = Rankings(servers.PROJECT, _settings(namespace).entity_kind, namespace)
    count = store.count()
    some = rankings[:: max(1, len(rankings) // _LOOKED_AT)]
    same = store.get_many([one.user_id for one in some]) == {one.user_id: one for one in some}
    if count != len(rankings) or not same:
        raise WrongEntitiesError(f"{count} entities of {len(rankings)}; those looked at are equal: {same}")
    measuring.tell(count, seconds)


def main() -> None:
    """Prints the table; see the module."""
    runtime_defaults.apply()
    parser = measuring.parser(__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="rankings to store")
    parser.add_argument(
        "--warm-rows", type=int, default=30_000, help="stored before, for Java to reach its speed"
    )
    parser.add_argument("--side", choices=sorted(_SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--day", type=dt.date.fromisoformat, default=run_day(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        side(options)
        return
    out = measuring.console()
    names = {"client": "client's put_multi", "beam": "Beam's writer", "ours": "PredictionStorer"}
    try:
        with servers.datastore_emulator() as address:
            os.environ["DATASTORE_EMULATOR_HOST"] = address

            def made(kind: str, rows: int) -> Side:
                arguments = ["--side", kind, "--rows", rows, "--day", options.day]
                return Side(names[kind], measuring.this_module("store_datastore", *arguments))

            out.print("[dim]warming the emulator up[/]")
            measuring.run(made("client", options.warm_rows))
            measured = measuring.in_turn([made(kind, options.rows) for kind in names], options.rounds, out)
    except servers.MissingError as error:
        sys.exit(f"Error: {error}")
    client, _, ours = measured
    out.print(measuring.table("Stored in Datastore's emulator", measured, client, "entities"))
    ratios = ours.ratios(client)
    found = statistics.median(ratios)
    target = Target(
        "PredictionStorer / put_multi",
        "at least 0.9",
        f"{found:.2f} [{min(ratios):.2f}, {max(ratios):.2f}]",
        found >= 0.9,
    )
    measuring.finish(out, options.json, {one.name: one.to_json() for one in measured}, [target])


if __name__ == "__main__":
    main()
