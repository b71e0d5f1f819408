"""TFX's BigQueryExampleGen on a real BigQuery API and bucket gives the tf.Examples of the embedded
ExampleGen.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.queries import render_inference_query, render_training_query
from tests.emulators.google_services import FailingProxy, GoogleServers
from tests.emulators.server_processes import PROJECT
from tests.in_process import BEAM_ARGS
from tests.raw_sources import arrow_table, make_raw_use_case

if TYPE_CHECKING:
    from google.cloud import bigquery

pytestmark = [pytest.mark.emulator, pytest.mark.pipeline]

ROWS, USERS = 6_000, 2_400
START, END = dt.date(2024, 1, 8), dt.date(2024, 2, 5)
WAREHOUSE = BigQueryWarehouse(
    kind="bigquery", project=PROJECT, location="US", labels={"team": "newsletter"}, maximum_bytes_billed=10**9
)


def _rows() -> list[dict[str, Any]]:
    """Newsletters with a NULL in every feature, lists of every length and times up to the window's edges."""
    rng = np.random.default_rng(3)
    midnight = dt.datetime(2024, 1, 7, tzinfo=dt.UTC)
    rows = []
    for number in range(ROWS):
        shown = str(rng.choice(["a", "b", "c"]))
        clicked = bool(rng.random() < 0.3)
        rows.append(
            {
                # As long as real ones: the emulator's Avro writer loses rows where its first ones are short.
                "user_id": f"user-{rng.integers(USERS):032d}-ü",
                "sent_at": midnight
                + dt.timedelta(microseconds=int(rng.integers(30 * 86_400)) * 10**6 + number),
                "campaign": f"c{rng.integers(4)}",
                "recommender": shown,
                "propensity": float(rng.uniform(0.01, 1.0)),
                "policy_version": "p1",
                "eligible_recommenders": [None, ["a", "b", "c"], [shown]][rng.integers(3)],
                "clicked": clicked,
                "unsubscribed": clicked and bool(rng.random() < 0.2),
                "colour": None
                if rng.random() < 0.1
                else str(rng.choice(["red", "grün", "", 'it\'s "x"'])) or None,
                "height": None if rng.random() < 0.1 else float(rng.normal(170, 10)),
                "joined": None
                if rng.random() < 0.1
                else dt.date(2020, 2, 28) + dt.timedelta(int(rng.integers(1500))),
                "member": None if rng.random() < 0.1 else bool(rng.random() < 0.5),
            }
        )
    return rows


@pytest.fixture(scope="module")
def tables(
    tmp_path_factory: pytest.TempPathFactory, bigquery_client: bigquery.Client
) -> tuple[UseCase, DuckDBWarehouse]:
    """The same rows in both warehouses; the inference tables have one row per user."""
    import pyarrow.parquet as pq
    from google.cloud import bigquery

    from newsletter_bandit.warehouse.tables.sql import Statements

    dataset = "example_gen"
    names = {"training": f"{dataset}.training", "inference": f"{dataset}.inference"}
    use_case = make_raw_use_case(tables=names, reward={"terms": {"clicked": 1.0, "unsubscribed": -2.0}})
    folder = tmp_path_factory.mktemp("example_gen")
    bigquery_client.create_dataset(dataset)
    rows = _rows()
    users = {row["user_id"]: {**row, "campaign": "next"} for row in rows}
    options = bigquery.ParquetOptions()
    options.enable_list_inference = True
    config = bigquery.LoadJobConfig(source_format="PARQUET", parquet_options=options)
    for table, content in (("training", rows), ("inference", list(users.values()))):
        file = folder / f"{table}.parquet"
        pq.write_table(arrow_table(use_case, table, content), file)
        report = ingest(folder / "w.duckdb", use_case, table, [file])  # type: ignore[arg-type]
        assert report.loaded == len(content)
        bigquery_client.query(Statements(use_case, WAREHOUSE).create(table)).result()  # type: ignore[arg-type]
        bigquery_client.load_table_from_file(
            io.BytesIO(file.read_bytes()), names[table], job_config=config
        ).result()
    return use_case, DuckDBWarehouse(kind="duckdb", path=str(folder / "w.duckdb"))


@pytest.fixture
def beam_on(google: GoogleServers, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Points Beam's own BigQuery client, which knows no emulator, at an address; gives the options it runs
    with.
    """
    from apache_beam.io.gcp.internal.clients.bigquery import bigquery_v2_client

    def point(address: str) -> list[str]:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", address)
        monkeypatch.setattr(bigquery_v2_client.BigqueryV2, "BASE_URL", f"{address}/bigquery/v2/")
        return [*BEAM_ARGS, f"--temp_location=gs://{google.bucket}/temp"]

    return point


def _run(component: Any, output: Path, beam_args: list[str]) -> dict[str, Counter[str]]:
    """Runs the executor as the launcher does; the examples of each split, readable and comparable."""
    import tensorflow as tf
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = BaseBeamExecutor.Context(beam_pipeline_args=beam_args)
    executor = component.executor_spec.executor_class(context)
    executor.Do({}, {"examples": [artifact]}, dict(component.exec_properties))
    found = {}
    for name in json.loads(artifact.split_names):
        files = [str(file) for file in sorted((output / f"Split-{name}").iterdir())]
        records = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
        found[name] = Counter(_readable(tf.train.Example.FromString(record)) for record in records)
    return found


def _readable(example: Any) -> str:
    fields = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        values = [str(value) for value in getattr(feature, kind).value] if kind else []
        fields[name] = [kind, *values] if values else []
    return json.dumps(fields, sort_keys=True)


@pytest.mark.parametrize("split", ["train_eval", "inference"])
def test_both_example_gens_give_the_same_examples(
    tmp_path: Path,
    google: GoogleServers,
    tables: tuple[UseCase, DuckDBWarehouse],
    beam_on: Any,
    split: Any,
) -> None:
    from components.example_gen.component import make_example_gen

    use_case, embedded = tables
    found = []
    with FailingProxy(google.bigquery) as proxy:
        beam_args = beam_on(proxy.address)
        for warehouse in (embedded, WAREHOUSE):
            if split == "inference":
                query = render_inference_query(use_case, warehouse, END)
            else:
                query = render_training_query(use_case, warehouse, START, END)
            component = make_example_gen(use_case, warehouse, query, split)
            found.append(_run(component, tmp_path / warehouse.kind, beam_args))
    here, there = found
    assert list(here) == list(there) == (["train", "eval"] if split == "train_eval" else ["inference"])
    for name in here:
        assert sum(here[name].values()) > 900
        assert here[name] == there[name]
    if split == "train_eval":
        total = sum(sum(examples.values()) for examples in there.values())
        assert 0.9 * ROWS < total < ROWS  # a few are outside the window

    jobs = [
        body["configuration"]
        for method, path, body in proxy.requests
        if method == "POST" and body and "configuration" in body
    ]
    exported = [job for job in jobs if "extract" in job]
    assert exported
    assert all(job["labels"]["team"] == "newsletter" for job in jobs if "labels" in job or "extract" in job)
    assert sum(1 for job in jobs if job.get("labels", {}).get("use_case") == "tiny") >= 3


def test_above_the_limit_without_rows_or_a_bucket_nothing_is_exported(
    tmp_path: Path, google: GoogleServers, tables: tuple[UseCase, DuckDBWarehouse], beam_on: Any
) -> None:
    from components.example_gen.component import make_example_gen

    use_case, _ = tables

    def component(start: dt.date = START) -> Any:
        query = render_training_query(use_case, WAREHOUSE, start, dt.date(2026, 1, 1))
        return make_example_gen(use_case, WAREHOUSE, query, "train_eval")

    with FailingProxy(google.bigquery) as proxy:
        beam_args = beam_on(proxy.address)
        with pytest.raises(DataError, match=r"no rows: Newsletters of use case tiny sent from 2025-01-01"):
            _run(component(dt.date(2025, 1, 1)), tmp_path / "none", beam_args)
        proxy.bytes_processed = 10**9 + 1
        with pytest.raises(
            SettingsError,
            match=r"maximum_bytes_billed: the query would read 1,000,000,001 bytes; allowed: 1,000,000,000",
        ):
            _run(component(), tmp_path / "much", beam_args)
        assert not [
            body for _, _, body in proxy.requests if body and "extract" in body.get("configuration", {})
        ]
    with pytest.raises(
        SettingsError, match=r"no --temp_location; BigQuery's rows are exported through a bucket"
    ):
        _run(component(), tmp_path / "bucket", BEAM_ARGS)
