"""What passes is retried, what does not is told in one sentence: against a real BigQuery API behind a
proxy.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

import pytest

from newsletter_bandit.errors import DataError, SettingsError, UserError
from newsletter_bandit.settings.environment import BigQueryWarehouse
from newsletter_bandit.warehouse import bigquery as rooms
from newsletter_bandit.warehouse.arms import arm_summary
from newsletter_bandit.warehouse.bigquery import BigQuery
from newsletter_bandit.warehouse.tables.build import Plan, build
from tests.emulators.google_services import FailingProxy, GoogleServers
from tests.emulators.server_processes import PROJECT
from tests.raw_sources import make_raw_use_case

pytestmark = pytest.mark.emulator

WAREHOUSE = BigQueryWarehouse(
    kind="bigquery", project=PROJECT, location="US", labels={"team": "letters"}, maximum_bytes_billed=5000
)
JOBS = "/jobs"


@pytest.fixture
def proxy(google: GoogleServers, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingProxy]:
    """Between the client and the emulator."""
    with FailingProxy(google.bigquery) as proxy:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", proxy.address)
        yield proxy


def test_a_job_carries_labels_and_the_limit_and_names_itself(proxy: FailingProxy) -> None:
    job, rows = BigQuery(WAREHOUSE, {"use_case": "tiny"}).rows("SELECT 1 AS n")
    assert rows == [{"n": 1}]
    (sent,) = [
        body
        for method, path, body in proxy.requests
        if method == "POST" and path.split("?")[0].endswith(JOBS)
    ]
    assert sent["configuration"]["labels"] == {"team": "letters", "use_case": "tiny"}
    assert sent["configuration"]["query"]["maximumBytesBilled"] == "5000"
    assert sent["jobReference"]["location"] == "US"
    assert job.job_id == f"{PROJECT}:US.{sent['jobReference']['jobId']}"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(503, "backendError"), (500, "internalError"), (502, "badGateway"), (429, "rateLimitExceeded")],
)
def test_what_passes_is_retried(proxy: FailingProxy, status: int, reason: str) -> None:
    # The insertion twice, then the question for the outcome.
    proxy.failures = [("POST", JOBS, status, reason)] * 2 + [("GET", "/queries/", status, reason)]
    _, rows = BigQuery(WAREHOUSE).rows("SELECT 2 AS n")
    assert rows == [{"n": 2}]
    assert proxy.failures == []
    assert proxy.count("POST", JOBS) == 3


def test_what_stays_down_ends_with_a_sentence(proxy: FailingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "RETRY_SECONDS", 5.0)
    proxy.failures = [("POST", JOBS, 503, "backendError")] * 1000
    with pytest.raises(
        UserError, match=r"^BigQuery project newsletter-test: still failing after retries: .*backendError"
    ):
        BigQuery(WAREHOUSE).run("SELECT 1 AS n")
    assert 2 <= proxy.count("POST", JOBS) < 20


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A permanent answer and the error that it becomes."""

    status: int
    reason: str
    error: type[UserError]
    says: str


REFUSALS = [
    Refusal(403, "accessDenied", SettingsError, r"needs roles/bigquery\.jobUser in the project"),
    Refusal(
        403,
        "accessNotConfigured",
        SettingsError,
        r"gcloud services enable bigquery\.googleapis\.com --project=newsletter-test",
    ),
    Refusal(403, "quotaExceeded", SettingsError, r"The proxy says quotaExceeded; see quotas and billing"),
    Refusal(
        400, "bytesBilledLimitExceeded", SettingsError, r"warehouse\.maximum_bytes_billed: .*raise the limit"
    ),
    Refusal(400, "invalidQuery", DataError, r"the query cannot be run: The proxy says invalidQuery"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
def test_what_is_permanent_is_asked_once(proxy: FailingProxy, refusal: Refusal) -> None:
    proxy.failures = [("POST", JOBS, refusal.status, refusal.reason)]
    with pytest.raises(refusal.error, match=refusal.says) as raised:
        BigQuery(WAREHOUSE).run("SELECT 1 AS n")
    assert "\n" not in str(raised.value)
    assert proxy.count("POST", JOBS) == 1


def test_what_is_missing_is_named(proxy: FailingProxy) -> None:
    client = BigQuery(WAREHOUSE)
    with pytest.raises(
        SettingsError, match=r"Dataset newsletter-test:nowhere .*`bq --location=US mk --dataset"
    ):
        client.run(f"SELECT 1 AS n FROM `{PROJECT}.nowhere.t`")
    assert proxy.count("POST", JOBS) == 1
    with pytest.raises(DataError, match=r"Table newsletter-test:local\.nothing .*you fill the raw tables"):
        client.run(f"SELECT 1 AS n FROM `{PROJECT}.local.nothing`")
    with pytest.raises(DataError, match=r"the query cannot be run: .*nonsense"):
        client.run("SELECT nonsense")
    assert client.columns("local.nothing") is None
    use_case = make_raw_use_case()
    start, end = dt.date(2024, 1, 8), dt.date(2024, 2, 5)
    for attempt in (
        lambda: build(WAREHOUSE, use_case, Plan(start, end)),
        lambda: arm_summary(WAREHOUSE, use_case, start, end),
    ):
        with pytest.raises(SettingsError, match=r"Dataset newsletter-test:(raw|tiny) "):
            attempt()


def test_a_dry_run_above_the_limit_runs_nothing(proxy: FailingProxy) -> None:
    proxy.bytes_processed = 5001
    with pytest.raises(SettingsError, match=r"would read 5,001 bytes; allowed: 5,000"):
        BigQuery(WAREHOUSE).bytes_of("SELECT 1 AS n")
    (sent,) = [body for method, _, body in proxy.requests if method == "POST"]
    assert sent["configuration"]["dryRun"] is True
    proxy.bytes_processed = 5000
    assert BigQuery(WAREHOUSE).bytes_of("SELECT 1 AS n") == 5000
