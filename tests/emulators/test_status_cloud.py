"""The status on real servers: tables in BigQuery, rankings in Datastore."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter_bandit.ranking_store import open_store
from newsletter_bandit.settings.environment import DatastoreStore, Environment
from newsletter_bandit.warehouse.tables.build import Plan, build
from pipelines.status.findings import Severity
from pipelines.status.looking import look
from pipelines.workspace import Workspace
from tests.emulators.bigquery_raw import WAREHOUSE, fill_bigquery
from tests.emulators.server_processes import PROJECT
from tests.rankings import make_ranking
from tests.raw_sources import END, RAW, RUN_DATE, START, make_raw_use_case

if TYPE_CHECKING:
    from google.cloud import bigquery

pytestmark = pytest.mark.emulator


def test_what_is_missing_and_then_what_is_there(
    bigquery_client: bigquery.Client, datastore_emulator: str, namespace: str, tmp_path: Path
) -> None:
    dataset = f"status_{uuid.uuid4().hex[:12]}"
    use_case = make_raw_use_case(
        name="newsletter",
        window={"weeks": 1, "overlap_weeks": 0, "anchor": "2024-01-08"},
        tables={"training": f"{dataset}.training", "inference": f"{dataset}.inference"},
        raw={name: f"{dataset}.{name}" for name in ("sends", "clicks", "unsubscribes", "users", "rankings")},
    )
    store = DatastoreStore(kind="datastore", project=PROJECT, namespace=namespace)
    environment = Environment(name="cloud", warehouse=WAREHOUSE, store=store)
    workspace = Workspace(
        use_case, tmp_path / "use_case.yaml", environment.in_workdir(tmp_path, use_case), tmp_path
    )
    now = dt.datetime(2024, 1, 22, 6, tzinfo=dt.UTC)

    newsletters, users, *_, rankings = look(workspace, now).findings
    assert newsletters.words == f"no table {dataset}.training yet"
    assert (users.severity, rankings.severity) == (Severity.CRITICAL, Severity.CRITICAL)
    assert "`newsletter-bandit predict`" in rankings.advice

    bigquery_client.create_dataset(dataset)
    fill_bigquery(bigquery_client, use_case, RAW)
    build(WAREHOUSE, use_case, Plan(START, END, RUN_DATE))
    generated = dt.datetime(2024, 1, 22, tzinfo=dt.UTC)
    open_store(store).put_many([make_ranking(generated_at=generated)])
    newsletters, users, *_, rankings = look(workspace, now).findings
    assert newsletters.words.startswith(
        "newest of 2024-01-14, 8 days old, 1 day before the end of the window"
    )
    assert users.words.startswith("snapshot of 2024-01-20, 2 days old")
    assert rankings.words == "1 user, made for 2024-01-22 by 7, served until 2024-01-30 00:00 UTC"
    assert [one.severity for one in (newsletters, users, rankings)] == [Severity.OK] * 3
