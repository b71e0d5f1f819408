"""Tables that nobody has filled lately are refused, with the command that fills them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import Freshness, UseCase
from newsletter_bandit.warehouse.freshness import require_newsletters, require_users
from newsletter_bandit.warehouse.tables.build import Plan, build
from tests.raw_sources import END, RAW, RUN_DATE, START, fill_duckdb, make_raw_use_case

pytestmark = pytest.mark.database

SNAPSHOT = dt.date(2024, 1, 20)  # of the inference table that RUN_DATE gets
NEWEST = dt.date(2024, 1, 14)  # newsletter of the training table


def day(days: int, after: dt.date) -> dt.date:
    return after + dt.timedelta(days=days)


@pytest.fixture
def use_case() -> UseCase:
    return make_raw_use_case()


@pytest.fixture
def warehouse(tmp_path: Path, use_case: UseCase) -> DuckDBWarehouse:
    """Tables of `RAW`."""
    made = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    fill_duckdb(tmp_path / "w.duckdb", use_case, RAW)
    build(made, use_case, Plan(START, END, RUN_DATE))
    return made


def test_users_of_long_ago_are_refused(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    for age in (-400, 0, 14):
        assert require_users(warehouse, use_case, day(age, SNAPSHOT)) == SNAPSHOT
    with pytest.raises(
        DataError,
        match=r"^tiny\.inference: its users are those of 2024-01-20, 60 days before the run date 2024-03-20; "
        r"allowed: at most 14 days \(freshness\.max_input_age_days\); fill it with "
        r"`newsletter-bandit build-tables --run-date 2024-03-20` once raw\.users has newer rows, or with "
        r"`newsletter-bandit ingest inference FILE`$",
    ):
        require_users(warehouse, use_case, dt.date(2024, 3, 20))


@pytest.mark.parametrize("days", [0, 3, None])
def test_the_bound_is_a_setting(warehouse: DuckDBWarehouse, use_case: UseCase, days: int | None) -> None:
    bounded = use_case.model_copy(update={"freshness": Freshness(max_input_age_days=days)})
    assert require_users(warehouse, bounded, day(days or 0, SNAPSHOT)) == SNAPSHOT
    if days is None:
        assert require_users(warehouse, bounded, dt.date(2034, 1, 1)) == SNAPSHOT
    else:
        with pytest.raises(DataError, match=rf"allowed: at most {days} days"):
            require_users(warehouse, bounded, day(days + 1, SNAPSHOT))


def test_a_table_that_tells_no_day_is_taken_as_it_is(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    later = dt.date(2034, 1, 1)
    for statement in (
        "UPDATE tiny.inference SET snapshot_date = NULL",
        "ALTER TABLE tiny.inference DROP COLUMN snapshot_date",
        "DROP TABLE tiny.inference",
    ):
        with duckdb.connect(warehouse.path) as connection:
            connection.execute(statement)
        assert require_users(warehouse, use_case, later) is None
    Path(warehouse.path).unlink()
    assert require_users(warehouse, use_case, later) is None
    assert not Path(warehouse.path).exists()


def test_a_window_must_hold_newsletters_up_to_its_end(warehouse: DuckDBWarehouse, use_case: UseCase) -> None:
    def days(start: dt.date, end: dt.date) -> TrainingDays:
        return TrainingDays(dt.date(2024, 2, 22), (start, end))

    require_newsletters(warehouse, use_case, days(START, day(14, NEWEST)))
    with pytest.raises(
        DataError,
        match=r"^tiny\.training: the newest newsletter of the window 2024-01-08 to 2024-01-28 is of "
        r"2024-01-14, 15 days before 2024-01-29; allowed: at most 14 days "
        r"\(freshness\.max_input_age_days\); fill it with "
        r"`newsletter-bandit build-tables --run-date 2024-02-22` once raw\.sends has newer rows, or with "
        r"`newsletter-bandit ingest training FILE`, or raise the setting if none was sent since$",
    ):
        require_newsletters(warehouse, use_case, days(START, day(15, NEWEST)))
    with pytest.raises(
        DataError,
        match=r"^tiny\.training: no newsletter of the window 2024-01-22 to 2024-02-18; the newest before is "
        r"of 2024-01-14; fill it with `newsletter-bandit build-tables --run-date 2024-02-22`",
    ):
        require_newsletters(warehouse, use_case, days(dt.date(2024, 1, 22), dt.date(2024, 2, 19)))
    with pytest.raises(
        DataError,
        match=r"no newsletter of the window 2023-01-01 to 2023-01-31; the oldest after is of 2024-01-09, "
        r"which a later run date takes, or another window\.anchor of the use case; fill it with",
    ):
        require_newsletters(warehouse, use_case, days(dt.date(2023, 1, 1), dt.date(2023, 2, 1)))
