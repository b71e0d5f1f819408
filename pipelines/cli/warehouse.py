"""Work of the command line on the warehouse, outside of a pipeline."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TYPE_CHECKING, cast

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.google import credentials
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.mapping import Ingest
from newsletter_bandit.settings.run_day import run_day

if TYPE_CHECKING:
    from newsletter_bandit.request_log.tables import Extract
    from newsletter_bandit.settings.run_day import TrainingDays
    from newsletter_bandit.warehouse.arms import ArmSummary
    from newsletter_bandit.warehouse.ingest import IngestReport, Table
    from newsletter_bandit.warehouse.outside import Outside
    from newsletter_bandit.warehouse.tables.build import Plan
    from newsletter_bandit.warehouse.tables.report import BuildReport, DryRun
    from newsletter_bandit.warehouse.window_log import WindowLog
    from pipelines.workspace import Workspace


def require_credentials(workspace: Workspace) -> None:
    """Makes sure of credentials, if the warehouse is BigQuery, before anything slow is imported.

    Raises:
      SettingsError: there are none.
    """
    if isinstance(workspace.environment.warehouse, BigQueryWarehouse):
        credentials()


def ingest(workspace: Workspace, table: Table, files: Sequence[Path], replace: bool = False) -> IngestReport:
    """Loads raw files into a table of the use case; see `newsletter_bandit.warehouse.ingest.ingest`.

    Refused rows are kept in `rejects/` of the work folder.
    """
    environment = workspace.environment
    if not isinstance(environment.warehouse, DuckDBWarehouse):
        raise SettingsError(
            f"environment {environment.name}: warehouse.kind: found {environment.warehouse.kind}; "
            "allowed here: duckdb; load BigQuery's raw tables with `bq load`, then run "
            "`newsletter-bandit build-tables`"
        )
    from newsletter_bandit.warehouse.ingest import ingest as ingest_files
    from newsletter_bandit.warehouse.loading import Loading, time_of_loading, write

    rejects = workspace.workdir / "rejects" / f"{workspace.use_case.name}-{table}.jsonl"
    path = Path(environment.warehouse.path)
    report = ingest_files(path, workspace.use_case, table, files, rejects, replace)
    refused: Counter[str] = Counter()
    for refusal in report.refusals:
        refused[refusal.reason] += refusal.rows
    # For the report of the next training.
    at = time_of_loading(dt.datetime.now(dt.UTC))
    loading = Loading("ingest", at, report.read, report.loaded, report.already_there, dict(refused))
    write(workspace.workdir, workspace.use_case.name, table, loading)
    return report


def ingest_requests(
    workspace: Workspace, paths: Sequence[Path], replace: bool = False
) -> tuple[Extract, list[IngestReport]]:
    """Loads the log of the model server into the raw tables, of which those that are missing are made.

    What was loaded before stays as it is, so a log that grows can be loaded again and again.

    Args:
      workspace: use case and environment.
      paths: files of the log, or folders of them; none takes the environment's folder.
      replace: empties the tables first.
    """
    from newsletter_bandit.request_log.tables import extract

    log = [*paths] or [Path(workspace.environment.model_server.log)]
    with tempfile.TemporaryDirectory(prefix="newsletter_bandit_") as folder:
        found = extract(log, workspace.use_case, Path(folder))
        if not found.rankings and not found.rewards:
            raise DataError(f"{', '.join(map(str, log))}: no ranking and no reward; {found}")
        # As the request had it: what is mapped in files of others is not in ours.
        plain = Ingest(max_rejected_share=workspace.use_case.ingest.max_rejected_share)
        own = replace_fields(workspace, use_case=workspace.use_case.model_copy(update={"ingest": plain}))
        reports = [ingest(own, cast("Table", table), files, replace) for table, files in found.files.items()]
    create_raw(own)
    return found, reports


def plan(
    workspace: Workspace,
    run_date: dt.date | None,
    first: dt.date | None,
    last: dt.date | None,
    campaign: str | None,
) -> Plan:
    """The plan of `build-tables`: training rows of the days ``first`` to ``last``, or all for a run date.

    Raises:
      SettingsError: only one of the two days is given, or options that do not go with them.
    """
    require_credentials(workspace)
    from newsletter_bandit.warehouse.tables.build import Plan

    if first is None and last is None:
        return Plan.of_day(workspace.use_case, run_day(run_date), campaign)
    if first is None or last is None or run_date is not None or campaign is not None:
        raise SettingsError(
            "--from, --to: use both, without --run-date and --campaign, for training rows; or use neither"
        )
    return Plan(first, last + dt.timedelta(days=1))


def build_tables(workspace: Workspace, plan: Plan) -> BuildReport:
    """Builds the training and inference tables from the raw ones; see
    `newsletter_bandit.warehouse.tables.build.build`.
    """
    require_credentials(workspace)
    from newsletter_bandit.warehouse.loading import write
    from newsletter_bandit.warehouse.tables.build import build

    report = build(workspace.environment.warehouse, workspace.use_case, plan)
    table = report.of(workspace.use_case.tables.training)
    if table is not None:
        loading = table.loading(dt.datetime.now(dt.UTC))
        write(workspace.workdir, workspace.use_case.name, "training", loading)
    return report


def dry_run(workspace: Workspace, plan: Plan) -> DryRun:
    """Bytes that `build_tables` would read; see `newsletter_bandit.warehouse.tables.build.dry_run`."""
    require_credentials(workspace)
    from newsletter_bandit.warehouse.tables.build import dry_run as look

    return look(workspace.environment.warehouse, workspace.use_case, plan)


def create_raw(workspace: Workspace) -> list[str]:
    """Creates missing raw tables; see `newsletter_bandit.warehouse.tables.build.create_raw`."""
    require_credentials(workspace)
    from newsletter_bandit.warehouse.tables.build import create_raw as create

    return create(workspace.environment.warehouse, workspace.use_case)


def write_schema(workspace: Workspace) -> None:
    """Writes the curated schema from the training table; see `components.example_validator.curate`."""
    require_credentials(workspace)
    from components.example_validator.curate import write_schema as write

    write(workspace.use_case, workspace.environment.warehouse, workspace.schema_file)


def arm_summary(workspace: Workspace, window: tuple[dt.date, dt.date]) -> list[ArmSummary]:
    """Figures of each recommender in the window; see `newsletter_bandit.warehouse.arms`."""
    require_credentials(workspace)
    from newsletter_bandit.warehouse.arms import arm_summary as summarise

    return summarise(workspace.environment.warehouse, workspace.use_case, *window)


def window_log(
    workspace: Workspace, window: tuple[dt.date, dt.date], arms: Sequence[ArmSummary]
) -> WindowLog:
    """What the window holds, and how its table was loaded last; see `newsletter_bandit.warehouse.window_log`
    and `newsletter_bandit.warehouse.loading`.
    """
    require_credentials(workspace)
    from newsletter_bandit.warehouse.loading import newest
    from newsletter_bandit.warehouse.window_log import window_log as look

    load = newest(workspace.workdir, workspace.use_case.name, "training")
    return look(workspace.environment.warehouse, workspace.use_case, window, tuple(arms), load)


def outside(workspace: Workspace, window: tuple[dt.date, dt.date]) -> Outside | None:
    """The loaded newsletters outside of the window; see `newsletter_bandit.warehouse.outside`."""
    from newsletter_bandit.warehouse.outside import outside as counted

    return counted(workspace.environment.warehouse, workspace.use_case, window)


def rows_fingerprint(workspace: Workspace, window: tuple[dt.date, dt.date]) -> str:
    """Fingerprint of the rows that a training on the window reads; see
    `newsletter_bandit.warehouse.fingerprint`.
    """
    require_credentials(workspace)
    from newsletter_bandit.warehouse.fingerprint import fingerprint
    from newsletter_bandit.warehouse.queries import render_training_query

    warehouse = workspace.environment.warehouse
    return fingerprint(warehouse, render_training_query(workspace.use_case, warehouse, *window))


def require_newsletters(workspace: Workspace, days: TrainingDays) -> None:
    """Makes sure that the training table reaches to the end of the window, and that the use case says
    whether its propensities are estimated; see `newsletter_bandit.warehouse.freshness` and
    `newsletter_bandit.warehouse.estimate_marks`.
    """
    require_credentials(workspace)
    from newsletter_bandit.warehouse.estimate_marks import require_said_by
    from newsletter_bandit.warehouse.freshness import require_newsletters as require

    warehouse = workspace.environment.warehouse
    require(warehouse, workspace.use_case, days)
    if isinstance(warehouse, DuckDBWarehouse):
        require_said_by(warehouse.path, workspace.use_case)


def require_users(workspace: Workspace, run_date: dt.date) -> dt.date | None:
    """The day whose users the inference table holds, if that is not too long ago; see
    `newsletter_bandit.warehouse.freshness`.
    """
    require_credentials(workspace)
    from newsletter_bandit.warehouse.freshness import require_users as require

    return require(workspace.environment.warehouse, workspace.use_case, run_date)


def training_cost(workspace: Workspace, window: tuple[dt.date, dt.date]) -> str | None:
    """Sentence on the bytes that the training query will read; None if reading costs nothing.

    Raises:
      SettingsError: the query would read more than the environment's `maximum_bytes_billed`.
      DataError: the embedded warehouse has no such table or column, or the query finds no row.
    """
    require_credentials(workspace)
    from newsletter_bandit.warehouse.queries import render_training_query

    warehouse = workspace.environment.warehouse
    return _cost(workspace, render_training_query(workspace.use_case, warehouse, *window))


def prediction_cost(workspace: Workspace, run_date: dt.date) -> str | None:
    """Sentence on the bytes that the inference query will read; see `training_cost`."""
    require_credentials(workspace)
    from newsletter_bandit.warehouse.queries import render_inference_query

    warehouse = workspace.environment.warehouse
    return _cost(workspace, render_inference_query(workspace.use_case, warehouse, run_date))


def _cost(workspace: Workspace, query: str) -> str | None:
    warehouse = workspace.environment.warehouse
    if not isinstance(warehouse, BigQueryWarehouse):
        from newsletter_bandit.warehouse.embedded import require_rows

        require_rows(warehouse.path, query)
        return None
    from newsletter_bandit.warehouse.bigquery import BigQuery

    read = BigQuery(warehouse).bytes_of(query)
    limit = warehouse.maximum_bytes_billed
    allowed = f"; the limit is {limit:,}" if limit is not None else "; there is no limit"
    return f"BigQuery will read {read:,} bytes{allowed}"
