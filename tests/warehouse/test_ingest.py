"""Rows that ingest loads, rows that it refuses and why, and failures that leave the tables as they were."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.run_day import run_day
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.arms import ArmSummary, arm_summary
from newsletter_bandit.warehouse.checks import Check, checks
from newsletter_bandit.warehouse.ingest import ingest
from serving.ranking import RankingError, check_user_id
from tests.raw_rows import ROW, write_csv
from tests.tiny import make_use_case

pytestmark = pytest.mark.database

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def _rows(warehouse: Path, table: str = "tiny.training", order: str = "user_id") -> list[dict[str, Any]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(f"SELECT * FROM w.{table} ORDER BY {order}").to_arrow_table().to_pylist()


def _settings(warehouse: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(kind="duckdb", path=str(warehouse))


def test_a_csv_becomes_typed_rows(tmp_path: Path, use_case: UseCase) -> None:
    empty = {"colour": "", "height": "", "joined": "", "member": "", "eligible_recommenders": "a|c"}
    zoned = {"sent_at": "2024-01-10T01:00:00+02:00", "clicked": "0", "colour": '"red, ""dark"""'}
    file = write_csv(tmp_path / "rows.csv", {}, empty, zoned)
    report = ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    assert (report.table, report.read, report.loaded, report.already_there) == ("tiny.training", 3, 3, 0)
    assert report.refusals == ()
    assert report.seconds > 0
    first, second, third = _rows(tmp_path / "w.duckdb")
    assert first == {
        "user_id": "u1",
        "sent_at": dt.datetime(2024, 1, 10, 8, tzinfo=dt.UTC),
        "campaign": "c1",
        "recommender": "a",
        "propensity": 0.5,
        "policy_version": "p1",
        "eligible_recommenders": None,
        "clicked": True,
        "unsubscribed": False,
        "colour": "red",
        "height": 170.5,
        "joined": dt.date(2023, 12, 31),
        "member": True,
    }
    assert second["eligible_recommenders"] == ["a", "c"]
    assert [second[name] for name in ("colour", "height", "joined", "member")] == [None] * 4
    assert third["sent_at"] == dt.datetime(2024, 1, 9, 23, tzinfo=dt.UTC)
    assert (third["clicked"], third["colour"]) == (False, 'red, "dark"')


def test_a_parquet_file_and_a_compressed_csv_give_the_rows_of_the_csv(
    tmp_path: Path, use_case: UseCase
) -> None:
    plain = write_csv(tmp_path / "rows.csv", {}, {"eligible_recommenders": "a|b", "height": ""})
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes()))
    sent = pa.array([dt.datetime(2024, 1, 10, 8)] * 2, pa.timestamp("ns"))
    constants = {name: [ROW[name]] * 2 for name in ("campaign", "recommender", "policy_version", "colour")}
    table = pa.table(
        {
            "user_id": ["u1", "u2"],
            "sent_at": sent,
            **constants,
            "propensity": pa.array([0.5, 0.5], pa.float32()),
            "eligible_recommenders": pa.array([[], ["a", "b"]], pa.list_(pa.string())),
            # pandas turns a flag with a gap into floats, and a gap into NaN.
            "clicked": pa.array([1.0, 1.0]),
            "unsubscribed": pa.array([0, 0], pa.int8()),
            "height": pa.array([170.5, float("nan")]),
            "joined": pa.array([dt.date(2023, 12, 31)] * 2),
            "member": pa.array([True, True]),
            "unused": pa.array([b"x", b"y"]),
        }
    )
    pq.write_table(table, tmp_path / "rows[1].parquet")
    found = []
    for number, file in enumerate([plain, packed, tmp_path / "rows[1].parquet"]):
        folder = tmp_path / str(number)
        ingest(folder / "w.duckdb", use_case, "training", [file])
        found.append(_rows(folder / "w.duckdb"))
    assert found[0] == found[1] == found[2]
    assert found[0][0]["eligible_recommenders"] is None


def test_columns_come_from_other_columns_constants_and_the_row_number(tmp_path: Path) -> None:
    use_case = make_use_case(
        features={"height": {"type": "number"}},
        ingest={
            "training": {
                "user_id": {"row_number": "it's-"},
                "sent_at": {"constant": "2024-01-10"},
                "recommender": {"column": "Shown arm"},
                "propensity": {"constant": 0.25},
                "policy_version": {"constant": "old"},
                "eligible_recommenders": {"constant": ""},
                "unsubscribed": {"constant": False},
            }
        },
    )
    file = tmp_path / "raw.csv"
    file.write_text("Shown arm,row of the file,campaign,clicked,height\na,9,c,1,1\nb,9,c,0,2\n")
    ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    first, second = _rows(tmp_path / "w.duckdb")
    assert (first["user_id"], second["user_id"]) == ("it's-1", "it's-2")
    assert (first["recommender"], second["recommender"]) == ("a", "b")
    assert first["sent_at"] == dt.datetime(2024, 1, 10, tzinfo=dt.UTC)
    assert (first["propensity"], first["unsubscribed"], first["eligible_recommenders"]) == (0.25, False, None)


def test_an_unsubscribe_without_a_click_is_loaded(tmp_path: Path, use_case: UseCase) -> None:
    file = write_csv(tmp_path / "rows.csv", {"clicked": "false", "unsubscribed": "true"})
    assert ingest(tmp_path / "w.duckdb", use_case, "training", [file]).rejected == 0
    (row,) = _rows(tmp_path / "w.duckdb")
    assert (row["clicked"], row["unsubscribed"]) == (False, True)


def test_a_column_that_a_file_may_lack_is_added_to_an_older_table(tmp_path: Path, use_case: UseCase) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute("CREATE TABLE raw.clicks (send_id VARCHAR, clicked_at TIMESTAMPTZ)")
        connection.execute("INSERT INTO raw.clicks VALUES ('s0', '2024-01-09 08:00:00+00')")
    bare, marked = tmp_path / "bare.csv", tmp_path / "marked.csv"
    bare.write_text("send_id,clicked_at\ns1,2024-01-09 09:00:00\n")
    marked.write_text("send_id,clicked_at,bot\ns2,2024-01-09 09:00:00,true\ns3,2024-01-09 09:00:00,\n")
    for file in (bare, marked):
        assert ingest(path, use_case, "clicks", [file]).rejected == 0
    with duckdb.connect(str(path)) as connection:
        found = connection.execute("SELECT send_id, bot FROM raw.clicks ORDER BY send_id").fetchall()
    assert found == [("s0", None), ("s1", None), ("s2", True), ("s3", None)]


def test_users_of_a_file_that_names_no_day_are_those_of_today(tmp_path: Path, use_case: UseCase) -> None:
    columns = "user_id,campaign,eligible_recommenders,colour,height,joined,member"
    for header, value, day in (("", "", run_day()), (",snapshot_date", ",2024-01-09", dt.date(2024, 1, 9))):
        file = tmp_path / "users.csv"
        file.write_text(f"{columns}{header}\nu1,c1,,red,170.5,2023-12-31,1{value}\n")
        ingest(tmp_path / "w.duckdb", use_case, "inference", [file])
        with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
            found = connection.execute("SELECT snapshot_date FROM tiny.inference").fetchall()
        assert found == [(day,)]


# Changed cells of one row -> the reason for which it is refused, and the value that is named.
REFUSED: dict[str, tuple[dict[str, str], str, str | None]] = {
    "number": ({"height": "tall"}, "height: not a number", "tall"),
    "infinite": ({"height": "inf"}, "height: not a number", "inf"),
    "bool": ({"member": "perhaps"}, "member: neither true nor false", "perhaps"),
    "date": ({"joined": "2023-02-30"}, "joined: not a date", "2023-02-30"),
    "endless date": ({"joined": "infinity"}, "joined: not a date", "infinity"),
    "time": ({"sent_at": "10 January"}, "sent_at: not a time", "10 January"),
    "no time": ({"sent_at": ""}, "sent_at: empty", None),
    "no user": ({"user_id": ""}, "user_id: empty", None),
    "no campaign": ({"campaign": ""}, "campaign: empty", None),
    "no outcome": ({"clicked": ""}, "clicked: empty", None),
    "no propensity": ({"propensity": ""}, "propensity: empty", None),
    "propensity nan": ({"propensity": "nan"}, "propensity: not a number", "nan"),
    "propensity 0": ({"propensity": "0"}, "propensity: outside (0, 1]", "0"),
    "propensity negative": ({"propensity": "-0.1"}, "propensity: outside (0, 1]", "-0.1"),
    "propensity above 1": ({"propensity": "1.0001"}, "propensity: outside (0, 1]", "1.0001"),
    "recommender": ({"recommender": "zz"}, "recommender: unknown", "zz"),
    "no recommender": ({"recommender": ""}, "recommender: empty", None),
    "eligible": ({"eligible_recommenders": "a|zz"}, "eligible_recommenders: unknown recommender", "a|zz"),
    "eligible gap": ({"eligible_recommenders": "a|"}, "eligible_recommenders: unknown recommender", "a|"),
    "shown": (
        {"eligible_recommenders": "b|c"},
        "eligible_recommenders: without the recommender that was shown",
        "b|c",
    ),
    "reserved": ({"user_id": "__u2__"}, "user_id: reserved by Datastore", "__u2__"),
    "long": ({"user_id": "ü" * 751}, "user_id: longer than 1,500 bytes", "ü" * 751),
    "twice": ({"user_id": "good"}, "user_id: a second row of the same user_id, campaign, sent_at", "good"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_row_is_refused_named_and_kept_while_the_others_are_loaded(
    tmp_path: Path, use_case: UseCase, case: str
) -> None:
    change, reason, found = REFUSED[case]
    file = write_csv(tmp_path / "rows.csv", {"user_id": "good"}, change)
    rejects = tmp_path / "rejects" / "rows.jsonl"
    report = ingest(tmp_path / "w.duckdb", use_case, "training", [file], rejects)
    assert [row["user_id"] for row in _rows(tmp_path / "w.duckdb")] == ["good"]
    (refusal,) = report.refusals
    assert (refusal.reason, refusal.rows, refusal.row, refusal.found) == (reason, 1, 2, found)
    assert report.rejected == 1
    assert str(file) in str(refusal)
    assert "allowed: " in str(refusal)
    (line,) = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert (line["file"], line["row"], line["reason"], line["found"]) == (str(file), 2, reason, found)
    given = {**ROW, "user_id": "u2", **change}
    assert line["values"] == {name: value or None for name, value in given.items()}


def test_the_rejects_of_a_parquet_file_are_json(tmp_path: Path, use_case: UseCase) -> None:
    names = [name for name in ROW if name not in ("propensity", "user_id")]
    table = pa.table(
        {
            "user_id": ["u1", "u2"],
            "propensity": [0.5, float("nan")],
            **{name: [ROW[name] or None] * 2 for name in names},
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    rejects = tmp_path / "rejects.jsonl"
    report = ingest(tmp_path / "w.duckdb", use_case, "training", [tmp_path / "rows.parquet"], rejects)
    assert (report.loaded, report.refusals[0].reason) == (1, "propensity: empty")
    line = json.loads(rejects.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (line["row"], line["values"]["user_id"]) == (2, "u2")


def test_recommenders_are_not_needed_for_inference_and_a_user_only_once(
    tmp_path: Path, use_case: UseCase
) -> None:
    labels = ("sent_at", "recommender", "propensity", "policy_version", "clicked", "unsubscribed")
    first = write_csv(tmp_path / "1.csv", {"colour": "red"}, {"eligible_recommenders": "zz"}, without=labels)
    second = write_csv(tmp_path / "2.csv", {"colour": "blue"}, {"user_id": "u9"}, without=labels)
    report = ingest(tmp_path / "w.duckdb", use_case, "inference", [first, second])
    rows = _rows(tmp_path / "w.duckdb", "tiny.inference")
    assert [(row["user_id"], row["colour"]) for row in rows] == [("u1", "red"), ("u9", "red")]
    reasons = {refusal.reason: (refusal.file, refusal.row) for refusal in report.refusals}
    assert reasons == {
        "user_id: a second row of the same user_id": (str(second), 1),
        "eligible_recommenders: unknown recommender": (str(first), 2),
    }


def test_training_grows_and_the_same_file_changes_nothing(tmp_path: Path, use_case: UseCase) -> None:
    warehouse = tmp_path / "w.duckdb"
    first = write_csv(tmp_path / "1.csv", {}, {})
    ingest(warehouse, use_case, "training", [first])
    again = ingest(warehouse, use_case, "training", [first])
    assert (again.loaded, again.already_there) == (0, 2)
    later = write_csv(tmp_path / "2.csv", {"colour": "blue"}, {"sent_at": "2024-01-17"})
    more = ingest(warehouse, use_case, "training", [later])
    assert (more.loaded, more.already_there) == (1, 1)
    assert len(_rows(warehouse)) == 3
    assert {row["colour"] for row in _rows(warehouse)} == {"red"}
    anew = ingest(warehouse, use_case, "training", [later], replace=True)
    assert (anew.loaded, len(_rows(warehouse))) == (2, 2)


def test_inference_is_emptied_and_refilled(tmp_path: Path, use_case: UseCase) -> None:
    warehouse = tmp_path / "w.duckdb"
    ingest(warehouse, use_case, "inference", [write_csv(tmp_path / "1.csv", {}, {}, {})])
    ingest(warehouse, use_case, "inference", [write_csv(tmp_path / "2.csv", {"user_id": "new"})])
    assert [row["user_id"] for row in _rows(warehouse, "tiny.inference")] == ["new"]


def test_where_no_row_is_left_the_table_stays(tmp_path: Path, use_case: UseCase) -> None:
    warehouse, rejects = tmp_path / "w.duckdb", tmp_path / "rejects.jsonl"
    ingest(warehouse, use_case, "inference", [write_csv(tmp_path / "1.csv", {})])
    bad = write_csv(tmp_path / "2.csv", {"user_id": ""}, {"height": "x"})
    with pytest.raises(
        DataError,
        match=r"(?s)tiny\.inference: none of 2 rows can be used; the table stays.*row 1: found nothing",
    ):
        ingest(warehouse, use_case, "inference", [bad], rejects)
    assert len(rejects.read_text().splitlines()) == 2
    with pytest.raises(DataError, match="none of 0 rows"):
        ingest(warehouse, use_case, "inference", [write_csv(tmp_path / "3.csv")])
    assert len(_rows(warehouse, "tiny.inference")) == 1


def test_a_refused_file_loads_nothing_of_the_others(tmp_path: Path, use_case: UseCase) -> None:
    warehouse = tmp_path / "w.duckdb"
    good = write_csv(tmp_path / "good.csv", {})
    ingest(warehouse, use_case, "training", [good])
    more = write_csv(tmp_path / "more.csv", {"user_id": "other"})
    faults: list[tuple[Path, str]] = [
        (
            write_csv(tmp_path / "short.csv", {}, without=("height", "clicked")),
            r"short\.csv: no column clicked, height; found: user_id, sent_at",
        ),
        (tmp_path / "gone.csv", r"gone\.csv: no such file"),
    ]
    ragged = tmp_path / "ragged.csv"
    ragged.write_text(good.read_text() + "u2,too few\n")
    faults.append((ragged, r"ragged\.csv: cannot be read: line 3: found 2 cells; allowed: 13, as in"))
    for name, content, message in (
        (
            "latin.csv",
            good.read_bytes().replace(b"red", b"r\xe9d"),
            r"latin\.csv: cannot be read: line 2: not UTF-8",
        ),
        ("empty.csv", b"", r"empty\.csv: empty; allowed: a line of column names"),
        ("twins.csv", b"user_id,User_ID\n", r"twins\.csv: column User_ID, user_id stands twice"),
        ("rows.xlsx", b"PK", r"rows\.xlsx: found \.xlsx; allowed: \.csv, \.csv\.gz, \.tsv, \.parquet"),
        ("text.parquet", b"not parquet at all", r"text\.parquet: cannot be read"),
        ("text.csv.gz", b"not gzip", r"text\.csv\.gz: cannot be read"),
    ):
        (tmp_path / name).write_bytes(content)
        faults.append((tmp_path / name, message))
    nested = pa.table({name: [{"a": 1}] if name == "colour" else [ROW[name]] for name in ROW})
    pq.write_table(nested, tmp_path / "nested.parquet")
    faults.append((tmp_path / "nested.parquet", r"nested\.parquet: column colour: found STRUCT"))
    for file, message in faults:
        with pytest.raises(DataError, match=f"(?s){message}"):
            ingest(warehouse, use_case, "training", [more, file])
        assert [row["user_id"] for row in _rows(warehouse)] == ["u1"]
    with pytest.raises(DataError, match="no file to ingest"):
        ingest(warehouse, use_case, "training", [])


def test_refusals_of_settings_and_of_a_table_that_no_longer_fits(tmp_path: Path, use_case: UseCase) -> None:
    warehouse = tmp_path / "w.duckdb"
    file = write_csv(tmp_path / "rows.csv", {})
    ingest(warehouse, use_case, "training", [file])
    wider = make_use_case(
        features={"colour": {"type": "number"}, "taste": {"type": "string"}},
        ingest={"training": {"taste": {"constant": "sweet"}, "colour": {"constant": 1.0}}},
    )
    with pytest.raises(
        DataError, match=r"colour \(holds text, needed numbers\), taste \(missing, needed text\)"
    ):
        ingest(warehouse, wider, "training", [file])
    assert ingest(warehouse, wider, "training", [file], replace=True).loaded == 1
    odd = make_use_case(ingest={"training": {"sent_at": {"constant": "some day"}}})
    with pytest.raises(
        SettingsError, match=r"ingest\.training\.sent_at: constant 'some day'; allowed: a time"
    ):
        ingest(warehouse, odd, "training", [file])
    (tmp_path / "folder.duckdb").mkdir()
    with pytest.raises(DataError, match=r"folder\.duckdb: cannot be read"):
        ingest(tmp_path / "folder.duckdb", use_case, "training", [file])


_CHANGES = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["", "u1", "u2", "u3"]),
        "recommender": st.sampled_from(["a", "b", "c", "d"]),
        "propensity": st.sampled_from(["0", "0.5", "1", "2", "x"]),
        "height": st.sampled_from(["", "1.5", "tall"]),
    }
)


@settings(max_examples=15)
@given(changes=st.lists(_CHANGES, min_size=1, max_size=12))
def test_each_row_is_loaded_or_refused_and_never_both(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("ingest")
    use_case = make_use_case(
        features={"colour": {"type": "string"}, "height": {"type": "number"}, "joined": {"type": "date"}},
        ingest={"max_rejected_share": 1.0},
    )
    # The first row is good, so that something can be loaded.
    file = write_csv(folder / "rows.csv", {"user_id": "good"}, *changes)
    rejects = folder / "rejects.jsonl"
    report = ingest(folder / "w.duckdb", use_case, "training", [file], rejects)
    refused = [json.loads(line) for line in rejects.read_text().splitlines()]

    expected, seen = [], set()
    for number, row in enumerate(changes, start=2):
        bad = (
            row["recommender"] == "d"
            or row["propensity"] in ("0", "2", "x")
            or row["height"] == "tall"
            or not row["user_id"]
        )
        if bad or row["user_id"] in seen:
            expected.append(number)
        else:
            seen.add(row["user_id"])
    assert [line["row"] for line in refused] == expected
    assert report.read == report.loaded + report.rejected == len(changes) + 1
    assert Counter(line["reason"] for line in refused) == {r.reason: r.rows for r in report.refusals}


def test_the_arms_of_a_window(tmp_path: Path, use_case: UseCase) -> None:
    file = write_csv(
        tmp_path / "rows.csv",
        {"recommender": "b", "clicked": "1"},
        {"recommender": "b", "clicked": "1", "unsubscribed": "1"},
        {"recommender": "b", "clicked": "0", "unsubscribed": "1"},
        {"recommender": "b", "clicked": "0"},
        {"recommender": "a", "clicked": "0"},
        {"recommender": "c", "sent_at": "2024-02-01"},
    )
    ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    warehouse, days = _settings(tmp_path / "w.duckdb"), (dt.date(2024, 1, 8), dt.date(2024, 2, 1))
    arms = arm_summary(warehouse, use_case, *days)
    # Rewards of b: 1, -2, 0, 0; where any unsubscribe counts 1, -2, -2, 0.
    assert arms == [
        ArmSummary("a", 1, 0.0, 0.0, 0.0, 0.0),
        ArmSummary("b", 4, 0.5, 0.5, 0.25, -0.25),
        ArmSummary("c", 0, None, None, None, None),
    ]
    reward = {"terms": {"clicked": 1.0, "unsubscribed": {"weight": -2.0, "counts": "any"}}}
    any_counts = use_case.model_copy(update={"reward": Reward.model_validate(reward)})
    assert [arm.mean_reward for arm in arm_summary(warehouse, any_counts, *days)] == [0.0, -0.75, None]


def test_rows_that_are_there_with_other_values_are_counted(tmp_path: Path, use_case: UseCase) -> None:
    rows = [{"user_id": "u1"}, {"user_id": "u2"}, {"user_id": "u3"}]
    mended = [{"user_id": "u1"}, {"user_id": "u2", "propensity": "0.25"}, {"user_id": "u4"}]
    ingest(tmp_path / "w.duckdb", use_case, "training", [write_csv(tmp_path / "rows.csv", *rows)])
    file = write_csv(tmp_path / "mended.csv", *mended)
    again = ingest(tmp_path / "w.duckdb", use_case, "training", [file])
    assert (again.loaded, again.already_there, again.changed) == (1, 2, 1)
    fresh = ingest(tmp_path / "w.duckdb", use_case, "training", [file], replace=True)
    assert (fresh.loaded, fresh.already_there, fresh.changed) == (3, 0, 0)


def test_an_old_name_is_ingested_and_counted_as_the_new_one(tmp_path: Path, use_case: UseCase) -> None:
    file = write_csv(
        tmp_path / "rows.csv",
        {"recommender": "bee", "clicked": "1", "eligible_recommenders": "bee|c"},
        {"recommender": "b", "clicked": "0"},
    )
    today = use_case.model_copy(update={"renamed": {"bee": "b"}})
    report = ingest(tmp_path / "w.duckdb", today, "training", [file])
    assert (report.loaded, report.rejected) == (2, 0)
    arms = arm_summary(_settings(tmp_path / "w.duckdb"), today, dt.date(2024, 1, 8), dt.date(2024, 2, 1))
    assert arms[1] == ArmSummary("b", 2, 0.5, 0.0, 0.0, 0.5)
    # A list was made by somebody who still knows the old name, and the row by one who knows the new one.
    mixed = [
        {"recommender": "b", "eligible_recommenders": "a|bee"},
        {"recommender": "bee", "eligible_recommenders": "a|b"},
        {"recommender": "bee", "eligible_recommenders": "a|c"},
        {"recommender": "a", "eligible_recommenders": "bee|c"},
    ]
    file = write_csv(tmp_path / "mixed.csv", *mixed)
    report = ingest(tmp_path / "mixed.duckdb", today, "training", [file])
    assert [(one.rows, one.reason) for one in report.refusals] == [
        (2, "eligible_recommenders: without the recommender that was shown")
    ]


def test_the_hillstrom_file(tmp_path: Path, hillstrom_csv: Path) -> None:
    use_case = load_use_case(CONFIGS / "hillstrom.yaml")
    warehouse = tmp_path / "w.duckdb"
    for table in ("training", "inference"):
        report = ingest(warehouse, use_case, table, [hillstrom_csv])
        assert (report.read, report.loaded, report.rejected) == (64_000, 64_000, 0)
        users = [row["user_id"] for row in _rows(warehouse, f"hillstrom.{table}", order="rowid")]
        assert users == [f"customer-{number}" for number in range(1, 64_001)]
    start = use_case.window.latest(dt.date(2008, 4, 14), use_case.attribution_days)
    arms = {arm.recommender: arm for arm in arm_summary(_settings(warehouse), use_case, *start)}
    with hillstrom_csv.open() as lines:
        visits = [(row["segment"], int(row["visit"])) for row in csv.DictReader(lines)]
    for name, rate in {"Mens E-Mail": 0.18276, "Womens E-Mail": 0.15140, "No E-Mail": 0.10617}.items():
        shown = [visit for segment, visit in visits if segment == name]
        assert arms[name].newsletters == len(shown)
        assert arms[name].click_rate == pytest.approx(sum(shown) / len(shown))
        assert arms[name].click_rate == pytest.approx(rate, abs=1e-5)


@given(user_id=st.text(st.sampled_from("_a\n"), min_size=1, max_size=6) | st.text(min_size=1, max_size=5))
def test_ids_are_refused_as_the_store_refuses_them(user_id: str) -> None:
    reserved = next(check for check in _id_checks() if "reserved" in check.problem)
    with duckdb.connect() as connection:
        query = f"SELECT {reserved.condition} FROM (SELECT ? AS user_id)"
        ((refused,),) = connection.execute(query, [user_id]).fetchall()
    try:
        check_user_id(user_id)
    except RankingError:
        assert refused
    else:
        assert not refused


def _id_checks() -> list[Check]:
    return checks([], {"user_id"}, set(), ["a"])
