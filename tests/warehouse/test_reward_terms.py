"""Further terms of the reward: from events to a column, and from a column to the reward, against Python."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import duckdb
import numpy as np
import pytest

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.arms import arm_summary
from newsletter_bandit.warehouse.embedded import read_batches
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.queries import render_training_query
from newsletter_bandit.warehouse.tables.build import Plan, build
from tests import raw_sources
from tests.raw_rows import make_typed_use_case, write_csv
from tests.raw_sources import TERMS, Row, duckdb_rows, fill_duckdb, make_raw_use_case, random_outcomes

pytestmark = pytest.mark.database

START, END = dt.date(2024, 1, 4), dt.date(2024, 1, 18)


def summed(outcomes: list[Row], name: str, days: int, send_id: str, sent_at: dt.datetime) -> float:
    """The term of a send by the rules."""
    end = sent_at + dt.timedelta(days=days)
    there = {
        (row["occurred_at"], row["value"])
        for row in outcomes
        if row["send_id"] == send_id
        and row["outcome"] == name
        and row["value"] is not None
        and math.isfinite(row["value"])
        and sent_at <= row["occurred_at"] < end
        and row["occurred_at"].date() >= START
    }
    return sum(value for _, value in there)


def test_each_term_is_summed_over_its_own_days(tmp_path: Path) -> None:
    use_case = make_raw_use_case(reward={"terms": TERMS})
    raw = raw_sources.random_raw(300, seed=4)
    raw["outcomes"] = random_outcomes(raw["sends"], seed=5)
    fill_duckdb(tmp_path / "w.duckdb", use_case, raw)
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    training = build(warehouse, use_case, Plan(START, END)).tables[0]
    rows = duckdb_rows(tmp_path / "w.duckdb", "tiny.training")
    sends = {(row["user_id"], row["sent_at"]): row["send_id"] for row in raw["sends"]}
    found, expected = [], []
    for row in rows:
        send = (sends[row["user_id"], row["sent_at"]], row["sent_at"])
        found.append((row["basket_chf"], row["minutes"]))
        expected.append(
            (summed(raw["outcomes"], "basket_chf", 5, *send), summed(raw["outcomes"], "minutes", 3, *send))
        )
    assert found == expected
    assert sum(basket != 0 for basket, _ in found) > 20
    assert min(basket for basket, _ in found) < -20
    baskets = [basket for basket, _ in found]
    assert training.outcomes is not None
    assert training.outcomes.values["basket_chf"] == (sum(one != 0 for one in baskets), sum(baskets))
    line = f"basket_chf: {sum(one != 0 for one in baskets)} ("
    assert line in str(training)


def test_the_table_of_outcomes_is_needed_only_where_a_term_asks_for_it(tmp_path: Path) -> None:
    plain = make_raw_use_case()
    fill_duckdb(tmp_path / "w.duckdb", plain, raw_sources.RAW)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert "outcomes" not in tables
    with_money = make_raw_use_case(reward={"terms": TERMS})
    fill_duckdb(tmp_path / "w.duckdb", with_money, {})
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    training = build(warehouse, with_money, Plan(raw_sources.START, raw_sources.END)).tables[0]
    assert "minutes: 0 (0.00%), 0 per newsletter" in str(training)


@pytest.fixture
def use_case() -> UseCase:
    return make_typed_use_case(
        reward={"terms": TERMS},
        ingest={"training": {"basket_chf": {"column": "Basket"}, "minutes": {"column": "Minutes"}}},
    )


def by_hand(clicked: bool, unsubscribed: bool, basket: float, minutes: float) -> float:
    either = -1.0 if unsubscribed else float(clicked)
    return either + 0.02 * min(max(basket, -50.0), 200.0) - 0.1 * min(max(minutes, 0.0), 3.0)


def test_a_files_columns_become_the_reward_and_an_unknown_one_leaves_the_row_out(
    tmp_path: Path, use_case: UseCase
) -> None:
    values = [
        (True, False, 100.0, 2.0),
        (True, True, 500.0, -4.0),
        (False, False, -80.0, 9.0),
        (False, True, 0.0, 0.5),
    ]
    flags = {True: "1", False: "0"}
    lines = [
        {
            "clicked": flags[clicked],
            "unsubscribed": flags[left],
            "Basket": str(basket),
            "Minutes": str(minutes),
        }
        for clicked, left, basket, minutes in values
    ]
    # Its basket is not final yet.
    lines.append({**lines[0], "Basket": ""})
    file = write_csv(tmp_path / "rows.csv", *lines, more=("Basket", "Minutes"))
    report = ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    assert (report.loaded, report.refusals) == (5, ())
    assert [line.split(":")[0] for line in report.said] == ["1 rows have no value of basket_chf"]
    query = render_training_query(
        use_case, DuckDBWarehouse(kind="duckdb"), dt.date(2024, 1, 8), dt.date(2024, 2, 5)
    )
    rows = [row for batch in read_batches(tmp_path / "w.duckdb", query) for row in batch.to_pylist()]
    found = {row["user_id"]: row["reward"] for row in rows}
    expected = {f"u{number}": by_hand(*one) for number, one in enumerate(values, start=1)}
    assert found == pytest.approx(expected, abs=1e-12)
    # The Evaluator sees the value before the clip.
    assert {row["user_id"]: row["basket_chf"] for row in rows}["u2"] == 500.0
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    (arm, *_) = arm_summary(warehouse, use_case, dt.date(2024, 1, 8), dt.date(2024, 2, 5))
    assert (arm.newsletters, arm.unknown, arm.click_rate) == (4, 1, 0.5)
    assert arm.missing == {"basket_chf": 1}
    assert arm.mean_reward == pytest.approx(np.mean(list(expected.values())))


@pytest.mark.parametrize("decimal", ["point", "comma"])
def test_an_empty_value_can_mean_a_number(tmp_path: Path, decimal: str) -> None:
    use_case = make_typed_use_case(
        reward={"terms": TERMS},
        ingest={
            "training": {"basket_chf": {"column": "Basket"}, "minutes": {"column": "Minutes"}},
            "format": {"decimal": decimal},
            "value_names": {"basket_chf": {"": 0, "-": 2.5}},
        },
    )
    sign = {"point": ".", "comma": ","}[decimal]
    shared = {"propensity": f'"0{sign}5"', "height": "170", "Minutes": "1"}
    rows = [{**shared, "Basket": basket} for basket in ("", "-", f'"7{sign}5"')]
    file = write_csv(tmp_path / "rows.csv", *rows, more=("Basket", "Minutes"))
    assert ingest(tmp_path / "w.duckdb", use_case, "training", [file]).refusals == ()
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        table = use_case.tables.training
        found = connection.execute(f"SELECT basket_chf FROM {table} ORDER BY basket_chf").fetchall()
    assert found == [(0.0,), (2.5,), (7.5,)]


def test_a_value_that_is_no_number_is_refused(tmp_path: Path, use_case: UseCase) -> None:
    rows = [{"Basket": "much", "Minutes": "1"}, {"Basket": "2.5", "Minutes": "1"}]
    file = write_csv(tmp_path / "rows.csv", *rows, more=("Basket", "Minutes"))
    report = ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    assert [refusal.reason for refusal in report.refusals] == ["basket_chf: not a number"]
