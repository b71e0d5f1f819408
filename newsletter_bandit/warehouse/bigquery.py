"""BigQuery: queries and statements as jobs, with their cost.

Transient errors (a service that is down or busy, a connection that breaks) are retried with backoff; a
permanent one becomes a `UserError` at once. Without credentials nothing is asked of the network.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from newsletter_bandit.errors import DataError, SettingsError, UserError
from newsletter_bandit.google import credentials, explained
from newsletter_bandit.settings.environment import BigQueryWarehouse

if TYPE_CHECKING:
    from google.cloud import bigquery

# Time for one request; and for a job whose failure BigQuery itself calls transient, which is then started
# again.
RETRY_SECONDS, RETRY_JOB_SECONDS = 30.0, 300.0
_TRANSIENT = {
    *("backendError", "internalError", "rateLimitExceeded"),
    *("jobBackendError", "jobInternalError", "jobRateLimitExceeded"),
}
_REQUEST_SECONDS = 60.0


@dataclass(frozen=True)
class Job:
    """A successful job.

    Attributes:
      job_id: id for the console and `bq show -j`, `project:location.id`.
      bytes_billed: bytes that it was billed for.
      inserted: rows that a statement added; 0 for a query.
      deleted: rows that it removed.
    """

    job_id: str
    bytes_billed: int
    inserted: int = 0
    deleted: int = 0


class BigQuery:
    """The tables of one environment.

    Args:
      warehouse: project, location, labels and limit of each job.
      labels: further labels.
    """

    def __init__(self, warehouse: BigQueryWarehouse, labels: dict[str, str] | None = None) -> None:
        self.warehouse = warehouse
        self._labels = {**warehouse.labels, **(labels or {})}

    def run(self, sql: str) -> Job:
        """Runs a statement or query to its end.

        Raises:
          UserError: credentials, a permission, a table or a column is missing, the SQL is wrong, the limit of
            bytes would be passed, or BigQuery is still not there after the retries.
        """
        return self._run(sql)[0]

    def rows(self, sql: str) -> tuple[Job, list[dict[str, Any]]]:
        """The job and the rows of a query with few rows; raises as `run` does."""
        done, job = self._run(sql)
        with self._explained(job.job_id):
            return done, [dict(row) for row in job.result(retry=_retry())]

    def read_batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """Runs a query; yields its rows as Arrow record batches of at least one row; raises as `run` does."""
        _, job = self._run(query)
        with self._explained(job.job_id):
            for batch in job.result(retry=_retry()).to_arrow_iterable():
                if batch.num_rows:
                    yield batch

    def bytes_of(self, sql: str) -> int:
        """Bytes that BigQuery expects to read, from a dry run, which costs nothing.

        Raises:
          SettingsError: more than `maximum_bytes_billed`.
          UserError: as `run`.
        """
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, labels=self._labels)
        with self._explained():
            job = self._client.query(
                sql, job_config=config, retry=_retry(), job_retry=None, timeout=_REQUEST_SECONDS
            )
        expected = int(job.total_bytes_processed or 0)
        limit = self.warehouse.maximum_bytes_billed
        if limit is not None and expected > limit:
            raise SettingsError(
                f"warehouse.maximum_bytes_billed: the query would read {expected:,} bytes; allowed: "
                f"{limit:,}; raise the limit, or ask for fewer days"
            )
        return expected

    def columns(self, table: str) -> dict[str, str] | None:
        """Name and type of the columns of ``dataset.table``, None where there is no such table; raises as
        `run` does.
        """
        from google.api_core.exceptions import NotFound

        with self._explained():
            try:
                found = self._client.get_table(
                    f"{self.warehouse.project}.{table}", retry=_retry(), timeout=_REQUEST_SECONDS
                )
            except NotFound as error:
                if "Table" not in _message(error):
                    raise
                return None
        return {field.name: _type(field) for field in found.schema}

    def _run(self, sql: str) -> tuple[Job, bigquery.QueryJob]:
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(labels=self._labels)
        if self.warehouse.maximum_bytes_billed is not None:
            config.maximum_bytes_billed = self.warehouse.maximum_bytes_billed
        with self._explained():
            job = _job_retry()(self._attempt)(sql, config)
        statistics = job.dml_stats
        done = Job(
            job_id=f"{job.project}:{job.location}.{job.job_id}",
            bytes_billed=int(job.total_bytes_billed or 0),
            inserted=int(statistics.inserted_row_count or 0) if statistics else 0,
            deleted=int(statistics.deleted_row_count or 0) if statistics else 0,
        )
        logging.getLogger("absl").info("BigQuery job %s: %d bytes billed", done.job_id, done.bytes_billed)
        return done, job

    def _attempt(self, sql: str, config: bigquery.QueryJobConfig) -> bigquery.QueryJob:
        from google.api_core.exceptions import RetryError

        # Without job_retry: the library would insist on the insertion for ten minutes.
        job = self._client.query(
            sql, job_config=config, retry=_retry(), job_retry=None, timeout=_REQUEST_SECONDS
        )
        try:
            job.result(retry=_retry())
        except RetryError:
            # For a failed job, BigQuery answers as if it were down itself; the job holds the real error.
            job.reload(retry=_retry(), timeout=_REQUEST_SECONDS)
            failure = job.exception() if job.error_result else None
            if failure is None:
                raise
            raise failure from None
        return job

    @cached_property
    def _client(self) -> bigquery.Client:
        found = credentials()
        from google.cloud import bigquery

        return bigquery.Client(
            project=self.warehouse.project, location=self.warehouse.location, credentials=found
        )

    @contextmanager
    def _explained(self, job_id: str = "") -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPICallError

        what = f"BigQuery project {self.warehouse.project}"
        with explained(f"{what}, job {job_id}" if job_id else what):
            try:
                yield
            except GoogleAPICallError as error:
                known = self._known(error, what)
                if known is None:
                    raise
                raise known from error

    def _known(self, error: Any, what: str) -> UserError | None:
        message, reason = _message(error), _reason(error)
        warehouse = self.warehouse
        if reason == "bytesBilledLimitExceeded":
            return SettingsError(
                f"warehouse.maximum_bytes_billed: {message}; raise the limit, or ask for fewer days"
            )
        if reason == "notFound" and "Dataset" in message:
            return SettingsError(
                f"{what}: {message}; make it with `bq --location={warehouse.location} mk --dataset "
                f"{warehouse.project}:DATASET`, or correct project and location of the environment's "
                "warehouse"
            )
        if reason == "notFound" and "Table" in message:
            return DataError(
                f"{what}: {message}; you fill the raw tables (docs/google_cloud.md says with what), and "
                "`newsletter-bandit build-tables` fills the training and inference tables; if you fill these "
                "two yourself, set vertex.build_tables: false"
            )
        if reason == "accessDenied":
            return SettingsError(
                f"{what}: {message}; the account needs roles/bigquery.jobUser in the project and "
                "roles/bigquery.dataEditor on its datasets (roles/bigquery.dataViewer on raw ones)"
            )
        if reason in ("accessNotConfigured", "SERVICE_DISABLED") or "has not been used" in message:
            return SettingsError(
                f"{what}: {message}; enable the API with `gcloud services enable bigquery.googleapis.com "
                f"--project={warehouse.project}`"
            )
        if reason in ("quotaExceeded", "billingNotEnabled"):
            return SettingsError(f"{what}: {message}; see quotas and billing of the project in the console")
        if reason in ("invalidQuery", "invalid"):
            return DataError(f"{what}: the query cannot be run: {message}")
        return None


def _retry() -> Any:
    from google.cloud.bigquery import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(RETRY_SECONDS)


def _job_retry() -> Any:
    from google.api_core.retry import Retry

    # A request that failed until its time ran out is not a failed job.
    return Retry(predicate=lambda error: _reason(error) in _TRANSIENT, timeout=RETRY_JOB_SECONDS)


def _reason(error: Any) -> str:
    errors = getattr(error, "errors", None)
    found = errors[0] if errors else None
    return str(found.get("reason", "")) if isinstance(found, dict) else ""


def _message(error: Any) -> str:
    found = error.errors[0] if error.errors else None
    text = found.get("message") if isinstance(found, dict) else None
    return " ".join(str(text or error.message).split())


def _type(field: Any) -> str:
    name = {"FLOAT": "FLOAT64", "INTEGER": "INT64", "BOOLEAN": "BOOL"}.get(field.field_type, field.field_type)
    return f"ARRAY<{name}>" if field.mode == "REPEATED" else str(name)
