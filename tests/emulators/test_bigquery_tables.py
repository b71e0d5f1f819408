"""The SQL that builds the tables on a real BigQuery API: the same tables as on the embedded warehouse."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.ages import Newest, newest
from newsletter_bandit.warehouse.arms import arm_summary
from newsletter_bandit.warehouse.fingerprint import fingerprint
from newsletter_bandit.warehouse.forgetting import forget
from newsletter_bandit.warehouse.freshness import require_newsletters, require_users
from newsletter_bandit.warehouse.queries import render_training_query
from newsletter_bandit.warehouse.tables.build import Plan, build, dry_run
from tests import raw_sources
from tests.emulators.bigquery_raw import WAREHOUSE, fill_bigquery
from tests.emulators.server_processes import PROJECT
from tests.raw_sources import (
    END,
    RAW,
    RUN_DATE,
    START,
    Row,
    duckdb_rows,
    fill_duckdb,
    make_history_use_case,
    make_raw_use_case,
)

if TYPE_CHECKING:
    from google.cloud import bigquery

pytestmark = pytest.mark.emulator

LIST = "eligible_recommenders"


def _own_dataset(
    client: bigquery.Client, make: Callable[..., UseCase] = make_raw_use_case, **changes: Any
) -> UseCase:
    """A use case whose tables are in a new dataset."""
    dataset = f"test_{uuid.uuid4().hex[:12]}"
    client.create_dataset(dataset)
    names = ("sends", "clicks", "unsubscribes", "outcomes", "users", "rankings")
    return make(
        **changes,
        tables={"training": f"{dataset}.training", "inference": f"{dataset}.inference"},
        raw={name: f"{dataset}.{name}" for name in names},
    )


@pytest.fixture(scope="module")
def use_case(bigquery_client: bigquery.Client) -> UseCase:
    """Its raw tables hold `RAW`."""
    use_case = _own_dataset(bigquery_client)
    fill_bigquery(bigquery_client, use_case, RAW)
    return use_case


def bigquery_rows(client: bigquery.Client, table: str) -> list[Row]:
    """Every row of a table."""
    return [dict(row) for row in client.query(f"SELECT * FROM `{PROJECT}.{table}`").result()]


def _training(client: bigquery.Client, use_case: UseCase) -> list[tuple[Any, ...]]:
    return raw_sources.training_tuples(bigquery_rows(client, use_case.tables.training))


def test_a_dry_run_writes_nothing(bigquery_client: bigquery.Client, use_case: UseCase) -> None:
    found = dry_run(WAREHOUSE, use_case, Plan(START, END, RUN_DATE))
    assert list(found.bytes_read.values()) == [0] * 6  # the emulator knows no bytes
    tables = {table.table_id for table in bigquery_client.list_tables(use_case.tables.training.split(".")[0])}
    assert tables == {"sends", "clicks", "unsubscribes", "users", "rankings"}


def test_the_tables_are_those_worked_out_by_hand_and_twice_gives_the_same(
    bigquery_client: bigquery.Client, use_case: UseCase
) -> None:
    for removed in (0, 1):
        report = build(WAREHOUSE, use_case, Plan(START, END, RUN_DATE))
        training, users = report.tables
        assert _training(bigquery_client, use_case) == raw_sources.TRAINING
        inference = bigquery_rows(bigquery_client, use_case.tables.inference)
        assert raw_sources.inference_tuples(inference) == raw_sources.INFERENCE
        assert (training.written, training.removed) == (8, 8 * removed)
        assert (users.written, users.removed) == (3, 3 * removed)
        assert training.left_out == raw_sources.LEFT_OUT
        assert users.left_out == raw_sources.INFERENCE_LEFT_OUT
        assert all(job.job_id.startswith(f"{PROJECT}:US.") for job in report.jobs)

    made = bigquery_client.get_table(use_case.tables.training)
    assert (made.time_partitioning.type_, made.time_partitioning.field) == ("DAY", "sent_at")
    assert made.clustering_fields == ["recommender", "user_id"]
    assert bigquery_client.get_table(use_case.tables.inference).clustering_fields == ["user_id"]
    users_table = bigquery_client.get_table(use_case.raw.users)
    assert (users_table.time_partitioning.field, users_table.clustering_fields) == (
        "snapshot_date",
        ["user_id"],
    )


def test_figures_and_schema_of_the_training_table_are_those_of_the_embedded_warehouse(
    tmp_path: Path, bigquery_client: bigquery.Client, use_case: UseCase
) -> None:
    from components.example_validator.curate import write_schema
    from newsletter_bandit.warehouse.window_log import window_log

    fill_duckdb(tmp_path / "w.duckdb", use_case, RAW)
    embedded = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    for warehouse in (embedded, WAREHOUSE):
        build(warehouse, use_case, Plan(START, END))
    arms = arm_summary(WAREHOUSE, use_case, START, END)
    assert arms == arm_summary(embedded, use_case, START, END)
    assert [arm.newsletters for arm in arms] == [6, 2, 0]
    there, here = (
        window_log(warehouse, use_case, (START, END), tuple(arms)) for warehouse in (WAREHOUSE, embedded)
    )
    assert there == here
    assert sum(there.days) == sum(there.propensities) == 8
    there, here = (
        write_schema(use_case, warehouse, tmp_path / f"{warehouse.kind}.pbtxt")
        for warehouse in (WAREHOUSE, embedded)
    )
    assert there == here


def test_the_fingerprint_of_the_rows_changes_with_a_feature(
    bigquery_client: bigquery.Client, use_case: UseCase
) -> None:
    build(WAREHOUSE, use_case, Plan(START, END))
    query = render_training_query(use_case, WAREHOUSE, START, END)
    first = fingerprint(WAREHOUSE, query)
    assert fingerprint(WAREHOUSE, query) == first
    table = f"`{PROJECT}.{use_case.tables.training}`"
    bigquery_client.query(f"UPDATE {table} SET colour = CONCAT(colour, '!') WHERE TRUE").result()
    assert fingerprint(WAREHOUSE, query) != first
    build(WAREHOUSE, use_case, Plan(START, END))
    assert fingerprint(WAREHOUSE, query) == first


def test_a_table_of_other_columns_stays_as_it_was(
    bigquery_client: bigquery.Client, use_case: UseCase
) -> None:
    wider = use_case.model_copy(
        update={"features": {**use_case.features, "taste": use_case.features["colour"]}}
    )
    bigquery_client.query(f"ALTER TABLE `{use_case.raw.users}` ADD COLUMN taste STRING").result()
    with pytest.raises(
        DataError, match=r"the table does not fit the use case: taste \(missing, needed STRING\)"
    ):
        build(WAREHOUSE, wider, Plan(START, END))
    assert _training(bigquery_client, use_case) == raw_sources.TRAINING


def test_both_warehouses_give_identical_tables(tmp_path: Path, bigquery_client: bigquery.Client) -> None:
    use_case = _own_dataset(bigquery_client, make_history_use_case, reward={"terms": raw_sources.TERMS})
    raw = raw_sources.random_raw(400, seed=7)
    raw["outcomes"] = raw_sources.random_outcomes(raw["sends"], seed=8)
    fill_bigquery(bigquery_client, use_case, raw)
    fill_duckdb(tmp_path / "w.duckdb", use_case, raw)
    embedded = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    # Overlapping ranges, as daily runs make them, the second one with a bound on the snapshots' age.
    for start, max_age in ((1, None), (6, 5)):
        bounded = use_case.model_copy(
            update={"raw": use_case.raw.model_copy(update={"snapshot_max_age_days": max_age})}
        )
        plan = Plan(dt.date(2024, 1, start), dt.date(2024, 1, start + 10), dt.date(2024, 1, start + 10))
        days = plan.start, plan.end
        there, here = build(WAREHOUSE, bounded, plan), build(embedded, bounded, plan)
        assert there.tables == here.tables
        assert there.tables[0].written > 50
        # A mean of rewards is the same up to the order in which they are added.
        arms, same = (arm_summary(one, use_case, *days) for one in (WAREHOUSE, embedded))
        assert [arm.mean_reward for arm in arms] == pytest.approx([arm.mean_reward for arm in same])
        assert [arm.newsletters for arm in arms] == [arm.newsletters for arm in same]
        assert len(there.tables[0].left_out) == 6
        for table in (use_case.tables.training, use_case.tables.inference):
            assert _comparable(bigquery_rows(bigquery_client, table)) == _comparable(
                duckdb_rows(tmp_path / "w.duckdb", table)
            )


def test_a_user_of_any_name_is_forgotten(bigquery_client: bigquery.Client) -> None:
    use_case = _own_dataset(bigquery_client)
    hostile = "o'brien\\` \"; é"
    mine = {**RAW["sends"][0], "user_id": hostile, "send_id": "mine"}
    click = {"send_id": "mine", "clicked_at": raw_sources.at("09 10:00")}
    raw = {**RAW, "sends": [*RAW["sends"], mine], "clicks": [*RAW["clicks"], click]}
    fill_bigquery(bigquery_client, use_case, raw)
    for times in (1, 0):
        removed = forget(WAREHOUSE, use_case, hostile)
        assert removed[use_case.raw.sends] == removed[use_case.raw.clicks] == times
    left = bigquery_rows(bigquery_client, use_case.raw.sends)
    assert len(left) == len(RAW["sends"])


def test_tables_of_an_earlier_version_are_read_and_filled(bigquery_client: bigquery.Client) -> None:
    use_case = _own_dataset(bigquery_client)
    fill_bigquery(bigquery_client, use_case, RAW)
    plan = Plan(START, END, RUN_DATE)
    build(WAREHOUSE, use_case, plan)
    for table, column in ((use_case.raw.clicks, "bot"), (use_case.tables.inference, "snapshot_date")):
        bigquery_client.query(f"ALTER TABLE `{PROJECT}.{table}` DROP COLUMN {column}").result()
    training = build(WAREHOUSE, use_case, plan).tables[0]
    assert training.outcomes is not None
    assert (training.outcomes.clicked, training.outcomes.bot_click) == (4, 0)
    rows = bigquery_rows(bigquery_client, use_case.tables.inference)
    assert {row["snapshot_date"] for row in rows} == {dt.date(2024, 1, 20)}


def test_a_table_of_long_ago_is_refused(bigquery_client: bigquery.Client) -> None:
    use_case = _own_dataset(bigquery_client)
    assert require_users(WAREHOUSE, use_case, RUN_DATE) is None
    fill_bigquery(bigquery_client, use_case, RAW)
    build(WAREHOUSE, use_case, Plan(START, END, RUN_DATE))
    assert require_users(WAREHOUSE, use_case, RUN_DATE) == dt.date(2024, 1, 20)
    with pytest.raises(DataError, match=r"its users are those of 2024-01-20, 60 days before the run date"):
        require_users(WAREHOUSE, use_case, dt.date(2024, 3, 20))
    require_newsletters(WAREHOUSE, use_case, TrainingDays(RUN_DATE, (START, END)))
    later = TrainingDays(RUN_DATE, (END, dt.date(2024, 2, 12)))
    with pytest.raises(
        DataError, match=r"no newsletter of the window .*; the newest before is of 2024-01-14"
    ):
        require_newsletters(WAREHOUSE, use_case, later)


def test_the_newest_days_are_those_of_the_embedded_warehouse(
    tmp_path: Path, bigquery_client: bigquery.Client
) -> None:
    use_case = _own_dataset(bigquery_client)
    embedded = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    assert newest(WAREHOUSE, use_case, "training", RUN_DATE, RUN_DATE).exists is False
    fill_bigquery(bigquery_client, use_case, RAW)
    fill_duckdb(tmp_path / "w.duckdb", use_case, RAW)
    tables = use_case.tables
    for warehouse in (WAREHOUSE, embedded):
        build(warehouse, use_case, Plan(START, END, RUN_DATE))
        day, later = dt.date(2024, 1, 20), dt.date(2024, 1, 23)
        assert newest(warehouse, use_case, "inference", later, day) == Newest(
            tables.inference, use_case.raw.users, True, True, day, None
        )
        # The raw table is looked at where the other one is not new enough.
        assert newest(warehouse, use_case, "inference", later, later).source_day == later
        assert newest(warehouse, use_case, "training", later, START).newest == dt.date(2024, 1, 14)


def _comparable(rows: list[Row]) -> list[list[str]]:
    return sorted(
        [
            value.isoformat() if isinstance(value, dt.date) else repr(value or [] if name == LIST else value)
            for name, value in row.items()
        ]
        for row in rows
    )
