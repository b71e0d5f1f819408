"""The history features, against their rules written out in Python, on random raw sources."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.tables import History
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.tables.build import Plan, build, dry_run
from tests import raw_sources
from tests.raw_sources import HISTORY, Row, at, duckdb_rows, fill_duckdb, make_history_use_case

START, END, RUN_DATE = dt.date(2024, 1, 8), dt.date(2024, 1, 18), dt.date(2024, 1, 20)


def figures(raw: dict[str, list[Row]], user_id: str, day: dt.date) -> dict[str, float]:
    """The history of a user at the beginning of a day, by the rules."""
    first: dict[str, Row] = {}
    for send in raw["sends"]:
        if all(send[name] for name in ("send_id", "user_id", "recommender", "sent_at")):
            first.setdefault(send["send_id"], send)
    mine = [(send, (day - send["sent_at"].date()).days) for send in first.values()]
    mine = [(send, age) for send, age in mine if send["user_id"] == user_id and age >= 1]
    found: dict[str, float] = {}
    for name, history in HISTORY.items():
        those = [
            (send, age)
            for send, age in mine
            if age <= 7 * history["weeks"]
            and send["recommender"] == history.get("recommender", send["recommender"])
        ]
        if history["count"] == "days_since_shown":
            found[name] = min((age for _, age in those), default=7 * history["weeks"])
        elif history["count"] == "shown":
            found[name] = len(those)
        else:
            found[name] = sum(_clicked(raw["clicks"], send, day) for send, _ in those)
    return found


def _clicked(clicks: list[Row], send: Row, day: dt.date) -> bool:
    mine = [one for one in clicks if one["send_id"] == send["send_id"] and one["clicked_at"] is not None]
    machines = {one["clicked_at"] for one in mine if one["bot"]}
    soonest, latest = send["sent_at"] + dt.timedelta(seconds=2), send["sent_at"] + dt.timedelta(days=3)
    return any(
        soonest <= one["clicked_at"] < latest
        and one["clicked_at"] not in machines
        and one["clicked_at"].date() < day
        for one in mine
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_both_tables_hold_what_was_known_before_the_day(tmp_path: Path, seed: int) -> None:
    use_case, raw = make_history_use_case(), raw_sources.random_raw(500, seed)
    fill_duckdb(tmp_path / "w.duckdb", use_case, raw)
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    dry_run(warehouse, use_case, Plan(START, END, RUN_DATE))
    report = build(warehouse, use_case, Plan(START, END, RUN_DATE))
    training = duckdb_rows(tmp_path / "w.duckdb", "tiny.training")
    inference = duckdb_rows(tmp_path / "w.duckdb", "tiny.inference")
    assert len(training) == report.tables[0].written > 100
    assert len(inference) > 10
    for row in training:
        assert {name: row[name] for name in HISTORY} == figures(raw, row["user_id"], row["sent_at"].date())
    for row in inference:
        assert {name: row[name] for name in HISTORY} == figures(raw, row["user_id"], RUN_DATE)
    for name in HISTORY:
        assert len(Counter(row[name] for row in training)) > 1


def test_the_rows_are_those_without_history(tmp_path: Path) -> None:
    tables: list[list[tuple[object, ...]]] = []
    for use_case in (make_history_use_case(), raw_sources.make_raw_use_case()):
        path = tmp_path / f"{len(tables)}.duckdb"
        fill_duckdb(path, use_case, raw_sources.RAW)
        warehouse = DuckDBWarehouse(kind="duckdb", path=str(path))
        build(warehouse, use_case, Plan(raw_sources.START, raw_sources.END, raw_sources.RUN_DATE))
        tables.append(raw_sources.training_tuples(duckdb_rows(path, "tiny.training")))
        inference = duckdb_rows(path, "tiny.inference")
        assert raw_sources.inference_tuples(inference) == raw_sources.INFERENCE
    assert tables == [raw_sources.TRAINING, raw_sources.TRAINING]


def test_a_send_under_an_earlier_name_counts(tmp_path: Path) -> None:
    use_case = make_history_use_case(recommenders=["a", "b", "c"], renamed={"old": "a"})
    sends = [
        {**raw_sources.RAW["sends"][0], "send_id": number, "sent_at": at(day), "recommender": name}
        for number, day, name in (("s1", "08 23:59", "old"), ("s2", "09 00:00", "a"), ("s3", "09 08:00", "a"))
    ]
    fill_duckdb(tmp_path / "w.duckdb", use_case, {"sends": sends})
    build(DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb")), use_case, Plan(START, END))
    found = {row["sent_at"]: row for row in duckdb_rows(tmp_path / "w.duckdb", "tiny.training")}
    # The send of the same day is not known at its beginning.
    assert [row["a_shown"] for _, row in sorted(found.items())] == [0, 1, 1]
    assert [row["c_since"] for _, row in sorted(found.items())] == [7, 7, 7]


def test_a_send_with_features_of_its_own_has_the_history_that_its_request_had(tmp_path: Path) -> None:
    use_case, path = make_history_use_case(), tmp_path / "w.duckdb"
    sends = [
        {**raw_sources.RAW["sends"][0], "send_id": number, "sent_at": at(day)}
        for number, day in (("s1", "08 08:00"), ("s2", "09 08:00"), ("s3", "10 08:00"))
    ]
    fill_duckdb(path, use_case, {"sends": sends})
    own = {**dict.fromkeys(use_case.features), "send_id": "s2", "sent_at": at("09 08:00"), "a_shown": 7.0}
    file = tmp_path / "contexts.parquet"
    pq.write_table(raw_sources.arrow_table(use_case, "contexts", [own]), file)
    ingest(path, use_case, "contexts", [file])
    build(DuckDBWarehouse(kind="duckdb", path=str(path)), use_case, Plan(START, END))
    found = sorted(duckdb_rows(path, "tiny.training"), key=lambda row: row["sent_at"])
    assert [(row["a_shown"], row["c_since"]) for row in found] == [(0, 7), (7, None), (2, 7)]


def test_a_table_of_users_has_no_column_of_history() -> None:
    use_case = make_history_use_case()
    assert not set(HISTORY) & set(use_case.table_columns("users"))
    assert set(HISTORY) < set(use_case.table_columns("training"))
    assert use_case.history["shown"] == History(count="shown", weeks=2)
