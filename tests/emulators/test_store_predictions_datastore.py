"""PredictionStorer's Beam graph against the real Datastore emulator."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest

from components.bulk_inferrer.files import PredictionsWriter
from components.bulk_inferrer.schema import SCHEMA
from components.prediction_storer.counts import Counts
from components.prediction_storer.post_process import Stamp
from components.prediction_storer.transforms import StorePredictions
from newsletter_bandit.settings.environment import DatastoreStore
from serving.stores.base import StoreError
from tests.emulators.server_processes import PROJECT

pytestmark = pytest.mark.emulator

GENERATED_AT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
STAMP = Stamp("7", GENERATED_AT, "newsletter")


def row(user_id: str, campaign: str = "monday", score: float = 0.5) -> dict[str, Any]:
    return {
        "user_id": user_id.encode(),
        "campaign": campaign.encode(),
        "recommenders": [b"deals", b"refill", b""],
        "scores": [score, 0.25, 0.0],
        "propensities": [0.875, 1.0, 0.0],
        "explored": 0,
        "expires_after_days": 8,
    }


def store_day(rows: list[dict[str, Any]], namespace: str, folder: Path, stamp: Stamp = STAMP) -> Counts:
    settings = DatastoreStore(kind="datastore", project=PROJECT, namespace=namespace, throttle_rampup=False)
    graph = StorePredictions(
        recommenders=("deals", "refill", "top_rated"),
        stamp=stamp,
        store=settings,
        max_rejected_share=0.1,
        dead_letters=str(folder / "dead_letters.jsonl"),
        counts=str(folder / "counts.json"),
    )
    with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        path = str(folder / "predictions.parquet")
        with PredictionsWriter(path) as writer:
            writer.write(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
        _ = pipeline | beam.Create([path]) | graph
    return Counts.from_json((folder / "counts.json").read_text())


def test_stores_rewrites_and_refuses_a_day(datastore_emulator: str, namespace: str, tmp_path: Path) -> None:
    from serving.stores.datastore import DatastoreStore as Rankings
    from serving.stores.datastore import client

    rankings = Rankings(PROJECT, "Ranking", namespace)
    day = [row(f"user-{number}") for number in range(620)]

    assert store_day([*day, row("")], namespace, tmp_path).rejected == {"missing_user_id": 1}
    assert rankings.count() == 620
    first = rankings.get("user-0")
    assert first is not None
    assert first.recommenders == ("deals", "refill")
    assert first.propensities == (0.875, 1.0)
    assert (first.generated_at, first.expires_at) == (GENERATED_AT, GENERATED_AT + dt.timedelta(days=8))

    # The day again gives the same records, no further ones.
    store_day(day, namespace, tmp_path)
    assert rankings.count() == 620
    assert rankings.get("user-0") == first

    # Another day's campaign replaces them.
    store_day([row(f"user-{number}", "tuesday") for number in range(620)], namespace, tmp_path)
    assert rankings.count() == 620
    assert {ranking.campaign for ranking in rankings.get_many(["user-0", "user-619"]).values()} == {"tuesday"}

    # Too many refused rows: the store stays as it was.
    counts = store_day([row("user-0", "wednesday"), row("user-1", score=float("nan"))], namespace, tmp_path)
    assert counts.refusal(0.1) is not None
    assert {ranking.campaign for ranking in rankings.get_many(["user-0", "user-1"]).values()} == {"tuesday"}

    # Only what a clean-up asks for is indexed.
    entity = client(PROJECT, namespace).get(client(PROJECT, namespace).key("Ranking", "user-0"))
    assert entity.exclude_from_indexes == set(entity) - {"expires_at"}

    # Another use case in the same namespace is refused, and replaces nothing.
    with pytest.raises(
        StoreError, match=f"namespace '{namespace}': holds rankings of the use case newsletter"
    ):
        store_day(day, namespace, tmp_path, dataclasses.replace(STAMP, use_case="homepage"))
    assert {ranking.use_case for ranking in rankings.get_many(["user-0", "user-1"]).values()} == {
        "newsletter"
    }

    rankings.delete("user-0")
    assert rankings.get("user-0") is None
    assert rankings.count() == 619
