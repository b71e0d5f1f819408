"""What the mapping makes of files that write things their own way: splits, dates, decimals, counts, gaps."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.warehouse.ingest import IngestReport, Table, ingest
from newsletter_bandit.warehouse.zones import nearest_zone
from tests.tiny import make_use_case

pytestmark = pytest.mark.database

# A log as a shop exports it: neither campaign nor list, local times, a known split, counts.
MAPPED: dict[str, Any] = {
    "training": {
        "user_id": {"column": "Kunde"},
        "sent_at": {"column": "Versendet"},
        "campaign": {"constant": "autumn"},
        "recommender": {"column": "Variante"},
        "propensity": {"split": {"a": 0.5, "b": 0.3, "c": 0.2}},
        "policy_version": {"constant": "coin"},
        "clicked": {"column": "Klicks", "at_least": 1},
        "unsubscribed": {"filled": "Abgemeldet am"},
        "spend": {"column": "Umsatz"},
        "joined": {"column": "Kunde seit"},
    },
    "inference": {
        "user_id": {"column": "Kunde"},
        "campaign": {"constant": "next"},
        "spend": {"column": "Umsatz"},
        "joined": {"column": "Kunde seit"},
    },
    "newest_by": "Versendet",
    "format": {
        "delimiter": ";",
        "decimal": "comma",
        "thousands": "point",
        "date_formats": ["%d.%m.%Y", "%d.%m.%Y %H:%M"],
        "time_zone": "Europe/Zurich",
        "nulls": ["NULL", "k. A."],
    },
    "max_rejected_share": 1.0,
}
HEADER = "Kunde;Versendet;Variante;Klicks;Abgemeldet am;Umsatz;Kunde seit;Segment\n"


def load(
    folder: Path,
    lines: str,
    table: Table = "training",
    renamed: dict[str, str] | None = None,
    **mapped: Any,
) -> tuple[list[Any], IngestReport]:
    use_case = make_use_case(
        features={"spend": {"type": "number"}, "joined": {"type": "date"}},
        ingest={**MAPPED, **mapped},
        renamed=renamed or {},
    )
    (folder / "log.csv").write_text(HEADER + lines, encoding="utf-8")
    report = ingest(folder / "w.duckdb", use_case, table, [folder / "log.csv"])
    with duckdb.connect(str(folder / "w.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(f"SELECT * FROM w.tiny.{table} ORDER BY 1").to_arrow_table().to_pylist(), report


def test_a_shops_export_becomes_typed_rows(tmp_path: Path) -> None:
    rows, report = load(
        tmp_path,
        "1;18.11.2026 14:05;a;2;;1.234,50;01.02.2020;x\n"
        "2;18.07.2026 14:05;b;0;19.07.2026;k. A.; NULL ;x\n"
        "3;2026-11-18T14:05:00Z;c;true;NULL;12,5;2020-02-01;x\n",
    )
    assert report.rejected == 0
    hours = ((11, 13), (7, 12), (11, 14))
    utc = [dt.datetime(2026, month, 18, hour, 5, tzinfo=dt.UTC) for month, hour in hours]
    assert [row["sent_at"] for row in rows] == utc
    assert [row["propensity"] for row in rows] == [0.5, 0.3, 0.2]
    assert [(row["clicked"], row["unsubscribed"]) for row in rows] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert [row["spend"] for row in rows] == [1234.5, None, 12.5]
    assert [row["joined"] for row in rows] == [dt.date(2020, 2, 1), None, dt.date(2020, 2, 1)]
    assert [row["eligible_recommenders"] for row in rows] == [None] * 3


def test_months_have_names_in_two_languages(tmp_path: Path) -> None:
    named = ("18. Nov 2026, 14:05", "18-NOV-2026", "18. November 2026", "18.Nov.2026", "November 18, 2026")
    german = ("1. März 2026", "1 Mrz. 2026", "31. Dez. 2026", "5 Mai 2026", "1. Okt 2026", "2 Januar 2026")
    formats = ["%d. %b %Y", "%d. %B %Y, %H:%M", "%d-%b-%Y", "%d %b %Y", "%d.%b.%Y", "%b %d, %Y"]
    lines = "".join(f'{number};"{each}";a;0;;1;;x\n' for number, each in enumerate((*named, *german)))
    rows, report = load(
        tmp_path, f"{lines}99;18. Nox 2026;a;0;;1;;x\n", format={**MAPPED["format"], "date_formats": formats}
    )
    found = {int(row["user_id"]): row["sent_at"].replace(tzinfo=None) for row in rows}
    days = [(11, 18)] * 5 + [(3, 1), (3, 1), (12, 31), (5, 5), (10, 1), (1, 2)]
    local = [dt.datetime(2026, month, day) for month, day in days]
    local[0] = dt.datetime(2026, 11, 18, 14, 5)
    hours = [2 if 4 <= time.month <= 10 else 1 for time in local]
    assert [found[number] for number in range(11)] == [
        time - dt.timedelta(hours=hour) for time, hour in zip(local, hours, strict=True)
    ]
    assert [(each.reason, each.found) for each in report.refusals] == [
        ("sent_at: not a time", "18. Nox 2026")
    ]


@pytest.mark.parametrize(
    ("line", "reason", "found"),
    [
        ("2;18.11.2026;zz;0;;1;;x", "recommender: unknown", "zz"),
        ("2;11/18/2026;a;0;;1;;x", "sent_at: not a time", "11/18/2026"),
        ("2;18-11-26;a;0;;1;;x", "sent_at: not a time", "18-11-26"),
        ("2;18.11.26;a;0;;1;;x", "sent_at: not a time", "18.11.26"),
        ("2;18.11.2026;a;0;;12.5;;x", "spend: not a number", "12.5"),
        ("2;18.11.2026;a;-1;;1;;x", "clicked: neither true nor false", "-1"),
        ("2;18.11.2026;a;k. A.;;1;;x", "clicked: empty", None),
    ],
)
def test_what_does_not_fit_is_refused_by_its_own_reason(
    tmp_path: Path, line: str, reason: str, found: str | None
) -> None:
    _, report = load(tmp_path, f"1;18.11.2026;a;0;;1;;x\n{line}\n")
    (refusal,) = report.refusals
    assert (refusal.reason, refusal.row, refusal.found) == (reason, 2, found)


def test_a_rule_gives_each_segment_its_own_split(tmp_path: Path) -> None:
    splits = {"new": {"a": 0.5, "b": 0.5}, "": {"a": 0.9, "c": 0.1}}
    mapped = {**MAPPED["training"], "propensity": {"rule": "Segment", "splits": splits}}
    lines = "".join(
        f"{number};18.11.2026;{name};0;;1;;{segment}\n"
        for number, (name, segment) in enumerate([("b", "new "), ("c", ""), ("c", "new"), ("a", "old")])
    )
    rows, report = load(tmp_path, lines, training=mapped)
    assert [(row["user_id"], row["propensity"]) for row in rows] == [("0", 0.5), ("1", 0.1)]
    (refusal,) = report.refusals
    assert (refusal.reason, refusal.rows) == ("propensity: no share of this row's recommender", 2)
    assert "(column Segment of the file)" in str(refusal)


@pytest.mark.parametrize("named", ["a", "was", "older"])
def test_a_split_takes_every_name_of_a_recommender(tmp_path: Path, named: str) -> None:
    splits = {"x": {named: 0.5, "b": 0.5}, "y": {"was": 0.2, "a": 0.8}}
    mapped = {**MAPPED["training"], "propensity": {"rule": "Segment", "splits": splits}}
    lines = "".join(
        f"{number};18.11.2026;{name};0;;1;;{segment}\n"
        for number, (name, segment) in enumerate(
            [("a", "x"), ("was", "x"), ("b", "x"), ("was", "y"), ("c", "x")]
        )
    )
    rows, report = load(tmp_path, lines, training=mapped, renamed={"was": "a", "older": "a"})
    assert [row["propensity"] for row in rows] == [0.5, 0.5, 0.5, 0.2]
    (refusal,) = report.refusals
    assert (refusal.reason, refusal.found) == ("propensity: no share of this row's recommender", "x")


def test_the_newest_row_of_a_user_is_the_one_to_rank(tmp_path: Path) -> None:
    sends = (
        "1;18.11.2026 10:00;a;0;;1",
        "1;19.11.2026 10:00;a;0;;2",
        "1;3.3.2026;a;0;;3",
        "2;1.1.2026;b;0;;4",
    )
    lines = "".join(f"{send};;x\n" for send in sends)
    rows, report = load(tmp_path, lines, "inference")
    assert [(row["user_id"], row["spend"]) for row in rows] == [("1", 2.0), ("2", 4.0)]
    assert (report.read, report.loaded, report.already_there, report.rejected) == (4, 2, 0, 0)
    assert report.said[-1] == "2 older rows of users who have a newer one were left out."


def test_the_newest_send_of_a_user_is_the_one_to_rank_though_nobody_said_so(tmp_path: Path) -> None:
    mapping = {key: value for key, value in MAPPED.items() if key != "newest_by"}
    use_case = make_use_case(
        features={"spend": {"type": "number"}, "joined": {"type": "date"}}, ingest=mapping
    )
    log = tmp_path / "log.csv"
    log.write_text(f"{HEADER}1;18.11.2026 10:00;a;0;;1;;x\n1;19.11.2026;a;0;;2;;x\n2;1.1.2026;b;0;;4;;x\n")
    report = ingest(tmp_path / "w.duckdb", use_case, "inference", [log])
    assert (report.loaded, report.rejected) == (2, 0)
    assert report.said[-1] == "1 older rows of users who have a newer one were left out."
    # A day of snapshots says which row is newest; sends do not then.
    log.write_text(
        "Kunde;snapshot_date;Versendet;Umsatz;Kunde seit\n1;2.11.2026;never;2;\n1;1.11.2026;never;1;\n"
    )
    ingest(tmp_path / "w.duckdb", use_case, "inference", [log])
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT spend FROM tiny.inference").fetchall() == [(2.0,)]


def test_a_file_of_users_needs_no_time(tmp_path: Path) -> None:
    use_case = make_use_case(
        features={"spend": {"type": "number"}, "joined": {"type": "date"}}, ingest={**MAPPED}
    )
    users = tmp_path / "users.csv"
    users.write_text("Kunde;Umsatz;Kunde seit\n1;1,5;\n2;2,5;\n2;3,5;\n")
    report = ingest(tmp_path / "w.duckdb", use_case, "inference", [users])
    assert (report.loaded, report.refusals[0].reason) == (2, "user_id: a second row of the same user_id")


def test_the_newest_snapshot_wins_and_two_of_a_day_are_still_refused(tmp_path: Path) -> None:
    use_case = make_use_case(features={"height": {"type": "number"}}, ingest={"max_rejected_share": 1.0})
    file = tmp_path / "users.csv"
    rows = ("u1,c,2026-11-01,1", "u1,c,2026-11-02,2", "u2,c,2026-11-02,3", "u2,c,2026-11-02,4")
    file.write_text("\n".join(["user_id,campaign,snapshot_date,height", *rows]) + "\n")
    report = ingest(tmp_path / "w.duckdb", use_case, "inference", [file])
    assert (report.loaded, report.rejected) == (2, 1)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        found = connection.execute("SELECT user_id, height FROM w.tiny.inference ORDER BY 1").fetchall()
    assert found == [("u1", 2.0), ("u2", 3.0)]


def test_a_text_that_has_a_name_is_not_empty(tmp_path: Path) -> None:
    names = {"clicked": {"NULL": False}}
    rows, _ = load(tmp_path, "1;18.11.2026;a;NULL;;1;;x\n", value_names=names)
    assert [row["clicked"] for row in rows] == [False]


def test_a_zone_that_is_none_is_refused_with_its_neighbours(tmp_path: Path) -> None:
    written = {**MAPPED["format"], "time_zone": "Europe/Zürich"}
    with pytest.raises(SettingsError, match=r"format\.time_zone: found 'Europe/Zürich'.*Europe/Zurich"):
        load(tmp_path, "1;18.11.2026;a;0;;1;;x\n", format=written)


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("Europa/Zürich", "Europe/Zurich"),
        ("zurich", "Europe/Zurich"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Amerika/New York", "America/New_York"),
        ("Mars/Olympus", None),
    ],
)
def test_the_zone_that_was_meant_is_the_one_of_that_place(given: str, nearest: str | None) -> None:
    zones = ("Africa/Tunis", "America/New_York", "Europe/Berlin", "Europe/Tirane", "Europe/Zurich")
    assert nearest_zone(given, zones) == nearest


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"propensity": {"split": {"a": 0.5, "b": 0.3}}}, "split: the shares add up to 0.8; allowed: 1"),
        ({"propensity": {"split": {"a": 0.5, "zz": 0.5}}}, r"training\.propensity: found zz; allowed: a, b"),
        ({"height": {"split": {"a": 0.5, "b": 0.5}}}, "found a split; allowed: for propensity, under train"),
        ({"height": {"filled": "x"}}, "found filled; allowed: for columns of true or false"),
        ({"height": {"column": "x", "at_least": 1}}, "found at_least; allowed: for columns of true"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_use_case(ingest={"training": source})


def test_a_format_with_a_zone_or_without_a_year_is_refused() -> None:
    for written in ("%d.%m. %H:%M", "%d.%m.%Y %H:%M %z"):
        with pytest.raises(ValidationError, match="allowed: strptime codes with a year and without a zone"):
            make_use_case(ingest={"format": {"date_formats": [written]}})
