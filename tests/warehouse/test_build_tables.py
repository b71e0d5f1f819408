"""The tables that the raw sources make on the embedded warehouse, against rows worked out by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.tables.build import Plan, build, create_raw, dry_run
from tests import raw_sources
from tests.raw_sources import (
    END,
    RAW,
    RUN_DATE,
    START,
    Row,
    at,
    duckdb_rows,
    fill_duckdb,
    make_raw_use_case,
)

pytestmark = pytest.mark.database

PLAN = Plan(START, END, RUN_DATE)


@pytest.fixture
def use_case() -> UseCase:
    return make_raw_use_case()


@pytest.fixture
def warehouse(tmp_path: Path, use_case: UseCase) -> DuckDBWarehouse:
    """The raw tables of `RAW`."""
    fill_duckdb(tmp_path / "w.duckdb", use_case, RAW)
    return DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))


def _training(warehouse: DuckDBWarehouse) -> list[tuple[object, ...]]:
    return raw_sources.training_tuples(duckdb_rows(Path(warehouse.path), "tiny.training"))


def test_the_tables_and_what_was_left_out(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    report = build(warehouse, use_case, PLAN)
    assert _training(warehouse) == raw_sources.TRAINING
    inference = duckdb_rows(Path(warehouse.path), "tiny.inference")
    assert raw_sources.inference_tuples(inference) == raw_sources.INFERENCE
    training, users = report.tables
    assert (training.written, training.removed) == (len(raw_sources.TRAINING), 0)
    assert training.left_out == raw_sources.LEFT_OUT
    assert training.without_features == raw_sources.WITHOUT_FEATURES
    assert training.outcomes == raw_sources.OUTCOMES
    assert (users.written, users.left_out) == (len(raw_sources.INFERENCE), raw_sources.INFERENCE_LEFT_OUT)
    assert training.written + sum(training.left_out.values()) == len(RAW["sends"]) - 2
    for line in (
        "left out: 2 sends with a propensity outside (0, 1]",
        "clicked: 3 (37.50%); unsubscribed: 5 (62.50%), after a click: 3 (37.50%)",
        "no clicks: marked as a machine's, of 2 newsletters",
        "no clicks: less than 2 s after sending, of 2 newsletters",
        "no clicks: after the unsubscribe, of 1 newsletter",
    ):
        assert f"  {line}\n" in str(report)
    assert "unsubscribed.counts" not in str(report)
    assert "belong to a send" not in str(report)


def _altered(warehouse: DuckDBWarehouse, statement: str) -> None:
    with duckdb.connect(warehouse.path) as connection:
        connection.execute(statement)


def test_clicks_without_marks_are_readers(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    _altered(warehouse, "ALTER TABLE raw.clicks DROP COLUMN bot")
    (training,) = build(warehouse, use_case, Plan(START, END)).tables
    assert training.outcomes == dataclasses.replace(
        # s2 and s13 were clicked, as far as anybody knows, s2 after its unsubscribe.
        raw_sources.OUTCOMES,
        clicked=4,
        bot_click=0,
        late_click=2,
    )
    _altered(warehouse, "ALTER TABLE raw.clicks ADD COLUMN bot VARCHAR")
    with pytest.raises(
        DataError, match=r"raw\.clicks: column bot is STRING; allowed: BOOL, or no such column"
    ):
        build(warehouse, use_case, Plan(START, END))


def test_features_of_the_send_itself_come_before_those_of_the_user(
    warehouse: DuckDBWarehouse, use_case: UseCase, tmp_path: Path
) -> None:
    nothing = dict.fromkeys(raw_sources.FEATURES)
    rows = [
        # u1's first send, of two deliveries; u2's, who has no snapshot; u3's, with nothing but its row.
        {"send_id": "s1", "sent_at": at("09 08:00"), **nothing, "colour": "pink", "height": float("inf")},
        {"send_id": "s3", "sent_at": at("09 08:00"), **nothing, "member": True},
        {"send_id": "s14", "sent_at": at("14 23:59:59.999999"), **nothing},
        {"send_id": "nobody's", "sent_at": at("09 08:00"), **nothing},
    ]
    file = tmp_path / "contexts.parquet"
    pq.write_table(raw_sources.arrow_table(use_case, "contexts", rows[1:]), file)
    ingest(warehouse.path, use_case, "contexts", [file])
    # As BigQuery may hold it.
    fill_duckdb(Path(warehouse.path), use_case, {"contexts": rows[:1] * 2})
    report = build(warehouse, use_case, PLAN)
    expected = [list(row) for row in raw_sources.TRAINING]
    expected[0][8:] = ["pink", None, None, None]
    expected[2][8:] = [None, None, None, True]
    assert _training(warehouse) == [tuple(row) for row in expected]
    assert report.tables[0].without_features == raw_sources.WITHOUT_FEATURES - 1
    assert "can be run" in str(dry_run(warehouse, use_case, PLAN))
    _altered(warehouse, "ALTER TABLE raw.contexts DROP COLUMN member")
    with pytest.raises(
        DataError,
        match=r"raw\.contexts: the table does not fit the use case: member \(missing, needed BOOL\)",
    ):
        build(warehouse, use_case, PLAN)


def test_the_least_time_to_a_click_is_a_setting(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    for seconds, clicked, early in ((0, 4, 1), (2, 3, 2), (3, 2, 3)):
        changed = use_case.model_copy(update={"min_seconds_to_click": seconds})
        (training,) = build(warehouse, changed, Plan(START, END)).tables
        assert training.outcomes is not None
        assert (training.outcomes.clicked, training.outcomes.early_click) == (clicked, early)


def test_the_report_says_when_any_unsubscribe_should_count(
    warehouse: DuckDBWarehouse, use_case: UseCase
) -> None:
    left = {"unsubscribes": [{"send_id": "s13", "unsubscribed_at": raw_sources.at("13 00:00")}]}
    more = {"unsubscribes": [{"send_id": "s11", "unsubscribed_at": raw_sources.at("10 00:00")}]}
    for rows in (left, more):
        fill_duckdb(Path(warehouse.path), use_case, rows)
    report = str(build(warehouse, use_case, Plan(START, END)))
    assert "unsubscribed: 7 (87.50%), after a click: 3 (37.50%)" in report
    assert (
        "4 of 7 unsubscribes came without a click, so their reward is 0; with "
        "reward.terms.unsubscribed.counts: any it would be -1" in report
    )
    for term in ({"weight": -1, "counts": "any"}, 0.0):
        reward = Reward.model_validate({"terms": {"clicked": 1, "unsubscribed": term}})
        changed = use_case.model_copy(update={"reward": reward})
        assert "came without a click" not in str(build(warehouse, changed, Plan(START, END)))


def test_an_inference_table_of_an_earlier_version_gets_the_day_of_its_users(
    warehouse: DuckDBWarehouse, use_case: UseCase
) -> None:
    build(warehouse, use_case, PLAN)
    _altered(warehouse, "ALTER TABLE tiny.inference DROP COLUMN snapshot_date")
    build(warehouse, use_case, PLAN)
    found = duckdb_rows(Path(warehouse.path), "tiny.inference")
    assert {row["snapshot_date"] for row in found} == {dt.date(2024, 1, 20)}


def test_a_list_may_hold_another_name_of_the_one_that_was_sent(warehouse: DuckDBWarehouse) -> None:
    """The send s10 shows a, and its list holds b and c; b is what a was called."""
    since = make_raw_use_case(recommenders=["a", "c"], renamed={"b": "a"})
    (training,) = build(warehouse, since, Plan(START, END)).tables
    left_out = {reason: sends for reason, sends in raw_sources.LEFT_OUT.items() if reason != "not_eligible"}
    assert (training.left_out, training.written) == (left_out, len(raw_sources.TRAINING) + 1)


def test_events_that_belong_to_no_send_are_told(tmp_path: Path, use_case: UseCase) -> None:
    # The shop's clicks name a send in another way.
    renamed = [{**click, "send_id": f"send-{click['send_id']}"} for click in RAW["clicks"]]
    fill_duckdb(tmp_path / "w.duckdb", use_case, {**RAW, "clicks": renamed})
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    report = str(build(warehouse, use_case, Plan(START, END)))
    assert "  clicks: only 0 of 12 of these days belong to a send; is send_id of raw.clicks that of" in report
    assert "unsubscribes: only" not in report


def test_a_part_of_a_snapshot_is_refused(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    build(warehouse, use_case, PLAN)
    # The snapshot of the 20th has three users; of the next one the first row has come.
    part = {"users": [{**RAW["users"][0], "snapshot_date": dt.date(2024, 1, 21)}]}
    fill_duckdb(Path(warehouse.path), use_case, part)
    with pytest.raises(
        DataError,
        match=r"^raw\.users: the snapshot of 2024-01-21 holds 1 users, the one before, of 2024-01-20, 3; "
        r"allowed: at least 50% of them \(raw\.min_snapshot_share\)",
    ):
        build(warehouse, use_case, PLAN)
    inference = duckdb_rows(Path(warehouse.path), "tiny.inference")
    assert raw_sources.inference_tuples(inference) == raw_sources.INFERENCE
    raw = use_case.raw.model_copy(update={"min_snapshot_share": 0.3})
    users = build(warehouse, use_case.model_copy(update={"raw": raw}), PLAN).tables[1]
    assert users.written == 1


def test_twice_gives_the_same_tables(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    build(warehouse, use_case, PLAN)
    again = build(warehouse, use_case, PLAN)
    assert [(table.written, table.removed) for table in again.tables] == [(8, 8), (3, 3)]
    assert _training(warehouse) == raw_sources.TRAINING


def test_days_outside_the_range_stay_and_days_one_by_one_give_the_whole(
    warehouse: DuckDBWarehouse, use_case: UseCase
) -> None:
    day = dt.timedelta(days=1)
    for first in (START + n * day for n in range(7)):
        if any(row[1].date() == first for row in raw_sources.TRAINING):
            build(warehouse, use_case, Plan(first, first + day))
        else:
            with pytest.raises(DataError, match="no sends of"):
                build(warehouse, use_case, Plan(first, first + day))
    assert _training(warehouse) == raw_sources.TRAINING


def test_a_send_that_is_delivered_again_on_another_day_is_one_row_however_the_days_are_built(
    tmp_path: Path, use_case: UseCase
) -> None:
    first, other = RAW["sends"][0], next(send for send in RAW["sends"] if send["send_id"] == "s14")
    again = {**first, "sent_at": raw_sources.at("10 08:00")}
    fill_duckdb(tmp_path / "w.duckdb", use_case, {**RAW, "sends": [first, again, other]})
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    days = [Plan(day, day + dt.timedelta(days=1)) for day in (dt.date(2024, 1, 9), dt.date(2024, 1, 10))]
    build(warehouse, use_case, days[0])
    with pytest.raises(
        DataError, match=r"no sends of 2024-01-10 to 2024-01-10 can be used .*1 further deliv"
    ):
        build(warehouse, use_case, days[1])
    assert [row[1] for row in _training(warehouse)] == [first["sent_at"]]
    build(warehouse, use_case, Plan(START, END))
    assert [row[1].day for row in _training(warehouse)] == [9, 14]


def test_an_outcome_that_came_later_is_seen_by_the_next_build(
    warehouse: DuckDBWarehouse, use_case: UseCase
) -> None:
    build(warehouse, use_case, PLAN)
    late: dict[str, list[Row]] = {"clicks": [{"send_id": "s13", "clicked_at": raw_sources.at("13 00:00")}]}
    fill_duckdb(Path(warehouse.path), use_case, late)
    build(warehouse, use_case, PLAN)
    assert [row[6] for row in _training(warehouse) if row[0] == "u6"] == [True, False]


def test_a_snapshot_that_is_too_old_is_no_snapshot(tmp_path: Path) -> None:
    use_case = make_raw_use_case(raw={"snapshot_max_age_days": 0})
    fill_duckdb(tmp_path / "w.duckdb", use_case, RAW)
    report = build(
        DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb")), use_case, Plan(START, END)
    )
    colours = [
        row[8] for row in raw_sources.training_tuples(duckdb_rows(tmp_path / "w.duckdb", "tiny.training"))
    ]
    assert colours == ["green", "blue", None, None, None, None, "white", "white"]
    assert report.tables[0].without_features == 4


def test_the_plan_of_a_day_reaches_back_to_the_newest_window() -> None:
    use_case = make_raw_use_case(window={"weeks": 4, "overlap_weeks": 1, "anchor": "2024-01-01"})
    # Window 0 ends on the 29th of January and is attributed three days later.
    assert Plan.of_day(use_case, dt.date(2024, 1, 31)).start == dt.date(2024, 1, 1)
    plan = Plan.of_day(use_case, dt.date(2024, 2, 22))
    assert (plan.start, plan.end, plan.run_date) == (
        dt.date(2024, 1, 22),
        dt.date(2024, 2, 22),
        dt.date(2024, 2, 22),
    )
    assert plan.inference_campaign == "2024-W08"
    with pytest.raises(SettingsError, match=r"run date 2024-01-01: allowed: after 2024-01-01"):
        Plan.of_day(use_case, dt.date(2024, 1, 1))


def test_a_dry_run_writes_nothing_and_sees_a_missing_column(
    warehouse: DuckDBWarehouse, use_case: UseCase
) -> None:
    assert "the SQL can be run" in str(dry_run(warehouse, use_case, PLAN))
    with pytest.raises(Exception, match=r"tiny\.training"):
        duckdb_rows(Path(warehouse.path), "tiny.training")
    wider = make_raw_use_case().model_copy(
        update={"features": {**use_case.features, "taste": use_case.features["colour"]}}
    )
    with pytest.raises(DataError, match=r"taste.*raw\.users has the columns user_id, snapshot_date"):
        dry_run(warehouse, wider, PLAN)


def test_refusals_leave_the_tables_as_they_were(
    tmp_path: Path, warehouse: DuckDBWarehouse, use_case: UseCase
) -> None:
    build(warehouse, use_case, PLAN)
    with pytest.raises(
        DataError,
        match=r"raw\.sends: no sends of 2025-01-06 to 2025-01-12 can be used \(sends left out: 1 without "
        r"send_id",
    ):
        build(warehouse, use_case, Plan(dt.date(2025, 1, 6), dt.date(2025, 1, 13)))
    with pytest.raises(DataError, match=r"raw\.users: no snapshot with users at or before 2023-01-01"):
        build(warehouse, use_case, Plan(START, END, dt.date(2023, 1, 1)))
    renamed = make_raw_use_case(raw={"clicks": "raw.clicked"})
    with pytest.raises(DataError, match=r"no table raw\.clicked; found: raw\.clicks, raw\.rankings"):
        build(warehouse, renamed, PLAN)
    with pytest.raises(SettingsError, match=r"attribution_days: 0, so no click would count"):
        build(warehouse, use_case.model_copy(update={"attribution_days": 0}), PLAN)
    with pytest.raises(SettingsError, match=r"no day; allowed: a later end"):
        build(warehouse, use_case, Plan(END, START))
    with pytest.raises(SettingsError, match=r"campaign: found \"c' OR ''='\""):
        build(warehouse, use_case, Plan(START, END, RUN_DATE, "c' OR ''='"))
    narrow = use_case.model_copy(
        update={"tables": make_raw_use_case().tables.model_copy(update={"training": "raw.clicks"})}
    )
    with pytest.raises(
        DataError, match=r"raw\.clicks: the table does not fit.*user_id \(missing, needed STRING\)"
    ):
        build(warehouse, narrow, PLAN)
    assert _training(warehouse) == raw_sources.TRAINING
    assert len(duckdb_rows(Path(warehouse.path), "tiny.inference")) == 3


def test_missing_raw_tables_are_made_once(tmp_path: Path, use_case: UseCase) -> None:
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    made = create_raw(warehouse, use_case)
    assert made == ["raw.sends", "raw.clicks", "raw.unsubscribes", "raw.users", "raw.rankings"]
    assert create_raw(warehouse, use_case) == []
