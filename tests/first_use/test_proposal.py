"""From a messy log to a use case: what each column is taken for, and that every row then loads as meant."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.first_use.answers import Answers
from newsletter_bandit.first_use.log import Log, Style, reading
from newsletter_bandit.first_use.named_roles import Role
from newsletter_bandit.first_use.odd_values import odd_sentences
from newsletter_bandit.first_use.proposal import Proposal, propose
from newsletter_bandit.first_use.settings_file import use_case_text
from newsletter_bandit.settings.reading import parse_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.table_files.cells import Numbers
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.trial import try_out
from tests.messy_log import LAST_DAY, SPLIT, write_messy_log

pytestmark = pytest.mark.database

TODAY = LAST_DAY + dt.timedelta(days=10)
SHARES = "40/30/10/10/10"


@dataclass
class Found:
    file: Path
    proposal: Proposal
    text: str
    use_case: UseCase


def found(file: Path, answers: Answers, style: Style | None = None) -> Found:
    with reading([file], style) as log:
        proposal = propose(log, answers, TODAY)
        text = use_case_text(log, proposal)
    return Found(file, proposal, text, parse_use_case(text, Path("own.yaml")))


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Found:
    file = write_messy_log(tmp_path_factory.mktemp("messy") / "versand.csv", sends=3_000)
    # The order of equal shares does not matter; the two largest are far apart.
    return found(file, Answers(split=SHARES, time_zone="Europe/Zurich"))


def test_each_column_is_taken_for_what_it_is(messy: Found) -> None:
    assert messy.proposal.roles == {
        "user": "Kunden-Nr.",
        "time": "Versendet am",
        "recommender": "Variante",
        "clicked": "Klicks",
        "unsubscribed": "Abgemeldet am",
    }
    assert {arm.name for arm in messy.proposal.arms} == set(SPLIT)
    settings = {feature.name: feature.settings for feature in messy.proposal.features}
    assert settings["Stufe"] == {"type": "string", "max_vocabulary": 4, "embedding_dim": 2}
    assert settings["umsatz_eur"] == {"type": "number", "treatment": "log1p"}
    assert settings["kaeufe_letztes_jahr"] == {"type": "number", "treatment": "z_score"}
    assert settings["kunde_seit"]["type"] == "date"
    assert settings["App"] == {"type": "bool"}
    assert settings["PLZ"]["type"] == "string"
    left_out = {each.column: each.why for each in messy.proposal.left_out}
    assert list(left_out) == ["Betreff", "Geöffnet", "Land"]
    assert "follows from the recommender" in left_out["Betreff"]


def test_the_written_use_case_loads_every_row_as_it_was_meant(messy: Found, tmp_path: Path) -> None:
    for table in ("training", "inference"):
        report = ingest(tmp_path / "w.duckdb", messy.use_case, table, [messy.file])  # type: ignore[arg-type]
        assert (report.read, report.rejected) == (3_000, 0)
    with messy.file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        loaded = connection.sql("SELECT * FROM versand.training ORDER BY rowid").to_arrow_table().to_pylist()
        users = connection.sql("SELECT user_id FROM versand.inference").fetchall()
    assert {(row["recommender"], row["propensity"]) for row in loaded} == set(SPLIT.items())
    assert len(users) == len({row["Kunden-Nr."].strip() for row in rows})
    for row, got in list(zip(rows, loaded, strict=True))[::97]:
        local = dt.datetime.strptime(row["Versendet am"], "%d.%m.%Y %H:%M").replace(
            tzinfo=ZoneInfo("Europe/Zurich")
        )
        money = row["Umsatz (EUR)"]
        assert got["user_id"] == row["Kunden-Nr."].strip()
        assert got["sent_at"] == local.astimezone(dt.UTC)
        assert got["clicked"] == (row["Klicks"] != "0")
        assert got["unsubscribed"] == (row["Abgemeldet am"] != "")
        assert got["App"] == (row["App"] == "ja")
        expected = None if money == "k. A." else float(money.replace(".", "").replace(",", "."))
        assert got["umsatz_eur"] == expected


def write(path: Path, header: str, lines: list[str]) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def coins(number: int, **columns: Any) -> dict[str, str]:
    """One row of a small English log: a coin draws one of two mails."""
    row = {
        "customer_id": f"c{number % 40}",
        "sent_at": f"2026-11-{number % 20 + 1:02}T08:{number // 20:02}:00Z",
        "variant": "ab"[number % 2],
        "clicked": str(int(number % 3 == 0)),
        "prob": "0.5",
        "country": ["CH", "DE", "NA"][number % 7 % 3],
        "spend": "NA" if number % 10 == 0 else f"{number}.25",
    }
    return row | {name: value(number) for name, value in columns.items()}


def coin_log(path: Path, rows: int = 200, **columns: Any) -> Path:
    made = [coins(number, **columns) for number in range(rows)]
    return write(path, ",".join(made[0]), [",".join(row.values()) for row in made])


def test_shares_that_the_log_contradicts_are_refused_unless_insisted_on(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv")
    with pytest.raises(SettingsError, match=r"`split`: the log does not fit .*a: 80\.0% said, 50\.0% found"):
        found(log, Answers(split="80/20"))
    insisted = found(log, Answers(split="80/20", misfit_is_known=True))
    assert insisted.use_case.ingest.training["propensity"]
    assert "# NOTE: the log does not fit these shares (a: 80.0% said, 50.0% found; b: 20.0%" in insisted.text


def test_without_a_word_on_the_choice_nothing_is_proposed(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv")
    with pytest.raises(SettingsError, match="how the recommender was chosen is missing, and the log cannot"):
        found(log, Answers(roles={"propensity": "-"}))


def test_a_logged_probability_is_found_and_na_is_a_country_or_a_gap(tmp_path: Path) -> None:
    one = found(coin_log(tmp_path / "log.csv"), Answers())
    assert one.use_case.ingest.training["propensity"].model_dump()["column"] == "prob"
    assert not one.proposal.zone_matters
    assert one.use_case.ingest.value_names == {"spend": {"NA": ""}}
    training = try_out(one.use_case, "training", [one.file])
    assert (training.good, training.refused) == (200, 0)
    # No column holds unsubscribes.
    assert list(one.use_case.reward.terms) == ["clicked"]


def test_a_rule_takes_one_split_per_value_and_one_that_decides_alone_teaches_nothing(tmp_path: Path) -> None:
    def mixed(number: int) -> str:
        return "new" if number % 4 < 2 else ""

    log = coin_log(tmp_path / "log.csv", tier=mixed)
    shares = {"new": "50/50", "": "equal"}
    one = found(log, Answers(rule_column="tier", rules=shares, roles={"propensity": "-"}))
    source = one.use_case.ingest.training["propensity"].model_dump()
    assert source == {"rule": "tier", "splits": {name: {"a": 0.5, "b": 0.5} for name in shares}}
    assert try_out(one.use_case, "training", [log]).good == 200
    with pytest.raises(SettingsError, match="`rule`: none for tier = '', where the log shows a, b"):
        found(log, Answers(rule_column="tier", rules={"new": "50/50"}))
    alone = coin_log(tmp_path / "alone.csv", tier=lambda number: "xy"[number % 2])
    with pytest.raises(SettingsError, match="tier decided alone: each of its values got one recommender"):
        found(alone, Answers(rule_column="tier", rules={"x": "equal", "y": "equal"}))


def test_columns_that_decided_estimate_what_nobody_knows(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv", tier=lambda number: "xy"[number % 5 > 2])
    none: dict[Role, str] = {"propensity": "-"}
    one = found(log, Answers(estimate_by=["tier"], roles=none))
    assert one.use_case.ingest.estimated_by == ("tier",)
    assert one.use_case.gate.estimated_propensities == "cannot_tell"
    trial = try_out(one.use_case, "training", [log])
    # Of a hundred rows in a group, 80 are too few.
    assert (trial.good, trial.refused) == (120, 80)
    assert trial.said[0].startswith("Propensities of 120 rows are ESTIMATED by tier: shares among 1 groups")
    with pytest.raises(SettingsError, match="`estimate_by`: column 'clicked' is the click; allowed"):
        found(log, Answers(estimate_by=["clicked"], roles=none))
    with pytest.raises(
        SettingsError, match=r"`estimate_by`: .*log\.csv has no column 'level'; allowed: cust"
    ):
        found(log, Answers(estimate_by=["level"], roles=none))
    with pytest.raises(SettingsError, match="`split`: `estimate_by` is given too; use one of them"):
        found(log, Answers(split="equal", estimate_by=["tier"]))
    alone = coin_log(tmp_path / "alone.csv", tier=lambda number: "xy"[number % 2])
    with pytest.raises(SettingsError, match="`estimate_by`: tier, country decided alone"):
        found(alone, Answers(estimate_by=["tier", "country"], roles=none))


def test_a_log_of_windows_is_read_and_loaded_alike(messy: Found, tmp_path: Path) -> None:
    windows = tmp_path / "versand.csv"
    windows.write_bytes(messy.file.read_text("utf-8-sig").encode("windows-1252"))
    answers = Answers(split=SHARES, time_zone="Europe/Zurich")
    one = found(windows, answers)
    assert one.use_case.ingest.format.encoding == "windows-1252"
    own = [line for line in one.text.splitlines() if line not in messy.text.splitlines()]
    assert own == ["    encoding: windows-1252"]
    assert try_out(one.use_case, "training", [windows]).good == 3_000


@pytest.mark.parametrize(
    ("written", "formats"),
    [
        ("{day:02}-Nov-2026 08:05", ("%d-%b-%Y %H:%M",)),
        ("{day}. Nov. 2026", ("%d. %b %Y",)),
        ("{day}. März 2026, 14:05", ("%d. %b %Y, %H:%M",)),
        ("November {day} 2026", ("%b %d %Y",)),
    ],
)
def test_months_with_names_are_dates(tmp_path: Path, written: str, formats: tuple[str, ...]) -> None:
    def sent(number: int) -> str:
        return written.format(day=number % 20 + 1)

    log = coin_log(tmp_path / "log.csv", sent_at=lambda n: f'"{sent(n)}"', customer_id=lambda n: f"c{n}")
    one = found(log, Answers())
    assert one.use_case.ingest.format.date_formats == formats
    assert try_out(one.use_case, "training", [log]).good == 200


def test_one_column_of_words_may_hold_both_outcomes(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv", clicked=lambda n: ["sent", "clicked", "left us", "bounced"][n % 4])
    twice: dict[Role, str] = {"clicked": "clicked", "unsubscribed": "clicked"}
    with pytest.raises(
        SettingsError, match=r"`clicked_when`: missing; .* mean yes: bounced, clicked, left us, sent"
    ):
        found(log, Answers(roles=twice))
    meanings = {"clicked": ["clicked", "left us"], "unsubscribed": ["left us"]}
    one = found(log, Answers(roles=twice, meanings=meanings))
    ingest(tmp_path / "w.duckdb", one.use_case, "training", [log])
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        counted = connection.sql(
            "SELECT count_if(clicked), count_if(unsubscribed), count(*) FROM log.training"
        )
        assert counted.fetchall() == [(100, 50, 200)]


def test_an_outcome_that_never_happened_is_read_as_never(tmp_path: Path) -> None:
    one = found(coin_log(tmp_path / "log.csv", unsubscribed=lambda _: "no"), Answers())
    assert (one.proposal.unsubscribes, one.use_case.gate.max_unsubscribe_ratio) == ((0, 0), None)
    assert try_out(one.use_case, "training", [one.file]).good == 200


def test_a_mark_for_nothing_is_no_click(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv", clicked=lambda n: "2026-11-29" if n % 3 else "-")
    one = found(log, Answers())
    ingest(tmp_path / "w.duckdb", one.use_case, "training", [log])
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        clicks = connection.sql("SELECT count_if(clicked), count(*) FROM log.training").fetchall()
    assert clicks == [(133, 200)]


def test_what_is_known_only_afterwards_is_no_feature(tmp_path: Path) -> None:
    log = coin_log(
        tmp_path / "log.csv",
        rows=400,
        seconds=lambda number: str(number) if number % 3 == 0 else "0",
        reached=lambda number: "landing" if number % 3 == 0 else "none",
        inbox=lambda number: "full" if number % 3 == 1 else "free",
        opened_at=lambda number: "2026-11-28" if number % 2 else "",
        answered_on=lambda _: "2026-12-24",
        clicks_last_month=lambda number: str(number % 7),
    )
    left_out = {each.column: each.why for each in found(log, Answers()).proposal.left_out}
    assert set(left_out) == {"seconds", "reached", "inbox", "opened_at", "answered_on"}
    assert "goes with a click nearly always" in left_out["seconds"]
    assert "known only after sending" in left_out["opened_at"]
    # A number may be what is to be earned.
    assert {name for name, why in left_out.items() if "reward.terms can count it" in why} == {"seconds"}


def test_dates_that_may_begin_with_the_month_are_asked_for(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv", joined=lambda number: f"0{number % 9 + 1}/0{number % 7 + 1}/2025")
    with pytest.raises(
        SettingsError, match=r"`month_first`: missing; joined could begin with the day or the month"
    ):
        found(log, Answers())
    month = found(log, Answers(), Style(month_first=True)).use_case.ingest.format.date_formats
    assert month == ("%m/%d/%Y",)
    assert found(log, Answers(without=["joined"])).use_case.ingest.format.date_formats == ()


@pytest.mark.parametrize(
    ("written", "formats"),
    [
        ("2026-{month}-{day} 8:{minute:02}", ("%Y-%m-%d %H:%M",)),
        ("2026{month:02}{day:02}", ("%Y%m%d",)),
        ("{day:02}.{month:02}.26", ("%d.%m.%y",)),
        ("{month}/{day}/2026 8:{minute:02} PM", ("%m/%d/%Y %I:%M %p",)),
        ("2026-{month:02}-{day:02} 08:{minute:02}:00 UTC", ()),
    ],
)
def test_dates_are_found_as_people_write_them(tmp_path: Path, written: str, formats: tuple[str, ...]) -> None:
    def sent(n: int) -> str:
        return written.format(month=n % 3 + 9, day=n % 28 + 1, minute=n // 28)

    one = found(coin_log(tmp_path / "log.csv", sent_at=sent, customer_id=lambda n: f"c{n}"), Answers())
    assert one.use_case.ingest.format.date_formats == formats
    assert one.proposal.zone_matters == ("UTC" not in written)
    assert try_out(one.use_case, "training", [one.file]).good == 200


@pytest.mark.parametrize(("unit", "zeros"), [("seconds", ""), ("milliseconds", "000")])
def test_times_may_be_numbers_since_1970(tmp_path: Path, unit: str, zeros: str) -> None:
    start = 1_793_000_000
    log = coin_log(tmp_path / "log.csv", sent_at=lambda n: f"{start + 60 * n}{zeros}")
    one = found(log, Answers())
    assert one.use_case.ingest.format.epoch == unit
    ingest(tmp_path / "w.duckdb", one.use_case, "training", [log])
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        times = connection.sql("SELECT epoch(min(sent_at)), epoch(max(sent_at)) FROM log.training").fetchall()
    assert times == [(start, start + 60 * 199)]


def test_a_column_that_cannot_be_what_it_is_given_for_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv")
    for role, column, message in (
        ("time", "country", "column 'country' cannot be the time of sending: it holds 3 different values"),
        (
            "propensity",
            "spend",
            "'spend' cannot be the probability of the recommender: it holds numbers from 1.25",
        ),
        ("clicked", "sent", "has no column 'sent'; allowed: customer_id, sent_at"),
    ):
        with pytest.raises(SettingsError, match=message):
            found(log, Answers(roles={role: column}))  # type: ignore[dict-item]
    with pytest.raises(SettingsError, match=r"no column was found for the click \(`clicked`\); name it"):
        found(coin_log(tmp_path / "two.csv", member=lambda n: str(n % 2)), Answers(roles={"clicked": "-"}))


def test_values_get_names_and_odd_names_survive(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv", variant=lambda n: "'1': yes | no" if n % 2 else "2")
    one = found(log, Answers(names={"2": "Für dich: 50% off #1"}))
    assert set(one.use_case.recommenders) == {"'1': yes no", "Für dich: 50% off #1"}
    assert try_out(one.use_case, "training", [log]).good == 200


def test_probabilities_that_the_log_contradicts_are_refused(tmp_path: Path) -> None:
    log = coin_log(
        tmp_path / "log.csv",
        rows=2_000,
        customer_id=lambda n: f"c{n}",
        sent_at=lambda _: "2026-11-18 08:00Z",
        prob=lambda n: "0.5" if n % 2 else "0.25",
    )
    with pytest.raises(
        SettingsError, match=r"`propensity`: the log does not fit .* prob \(a: 200% of the rows"
    ):
        found(log, Answers())
    assert found(log, Answers(misfit_is_known=True)).proposal.chosen


def test_one_split_cannot_hold_where_users_may_get_different_recommenders(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv", eligible_recommenders=lambda n: "a|b" if n % 5 else "")
    assert [each.column for each in found(log, Answers()).proposal.left_out] == ["eligible_recommenders"]
    mixed = coin_log(tmp_path / "mixed.csv", eligible_recommenders=lambda n: "a|b" if n % 5 else "ab"[n % 2])
    with pytest.raises(SettingsError, match="no share holds for all rows; use `propensity`"):
        found(mixed, Answers(split="equal"))


def test_an_experiment_of_one_day_needs_neither_user_nor_time(tmp_path: Path) -> None:
    rows = [f"{number % 7},{'ab'[number % 2]},{int(number % 3 == 0)}" for number in range(200)]
    log = write(tmp_path / "test.csv", "recency,variant,visit", rows)
    day = dt.date(2008, 3, 20)
    none: dict[Role, str] = {"user": "-", "time": "-"}
    one = found(log, Answers(roles=none, sent_on=day, split="equal"))
    report = ingest(tmp_path / "w.duckdb", one.use_case, "training", [log])
    assert (report.loaded, one.proposal.user) == (200, "row-1")
    assert try_out(one.use_case, "inference", [log]).good == 200
    assert one.proposal.plan.run_date == dt.date(2008, 3, 24)
    with pytest.raises(SettingsError, match="`sent_on`: missing, as `time` is -"):
        found(log, Answers(roles=none, split="equal"))


def test_a_log_in_parts_is_one_log_and_files_of_different_things_are_not(tmp_path: Path) -> None:
    whole = coin_log(tmp_path / "1.csv", rows=100)
    rows = [coins(number) for number in range(100, 200)]
    turned = list(reversed(rows[0]))
    part = write(
        tmp_path / "2.csv", ",".join(turned), [",".join(row[name] for name in turned) for row in rows]
    )
    with reading([whole, part]) as log:
        assert (log.rows, log.columns["prob"].values) == (200, (("0.5", 200),))
    users = write(tmp_path / "users.csv", "customer_id,tier", ["c1,gold"])
    with (
        pytest.raises(DataError, match=r"users\.csv: column .*tier.* is in this file or in .* alone"),
        reading([whole, users]),
    ):
        pass


def test_a_parquet_file_is_sniffed_by_its_values(tmp_path: Path) -> None:
    rows = [coins(number) for number in range(200)]
    table = pa.table(
        {
            "customer_id": [row["customer_id"] for row in rows],
            "sent_at": pa.array(
                [dt.datetime.fromisoformat(row["sent_at"]).replace(tzinfo=None) for row in rows],
                pa.timestamp("us"),
            ),
            "variant": pa.array([number % 2 for number in range(200)]),
            "clicked": pa.array([number % 3 == 0 for number in range(200)]),
            "prob": [0.5] * 200,
            "spend": [None if number % 10 == 0 else number + 0.25 for number in range(200)],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    one = found(tmp_path / "log.parquet", Answers(names={"0": "zero"}, time_zone="Europe/Zurich"))
    assert one.use_case.recommenders == ("1", "zero")
    assert try_out(one.use_case, "training", [one.file]).good == 200


def _read(path: Path) -> Log:
    with reading([path]) as log:
        return log


def test_points_and_commas_are_told_apart(tmp_path: Path) -> None:
    cases = {
        "a;b\n1,5;1.234\n2,25;7\n": (",", "."),
        "a,b\n1.5,x\n2.25,y\n": (".", ""),
        "a;b\n1,234;x\n5,678;y\n": (",", ""),
        'a,b\n"1,234",x\n"5,678",y\n': (".", ","),
        "a;b\n1'234.50;x\n5.5;y\n": (".", "'’"),
        "a;b\n1 234,50;x\n5,5;y\n": (",", " \u00a0\u202f"),
        "a;b\n12;1.234\n5;1.5\n": (".", ""),
        "a;b\n3'173,67;x\n5,5;y\n": (",", "'’"),
        "a;b\n3’173,67;x\n5,5;y\n": (",", "'’"),
    }
    for number, (content, (decimal, thousands)) in enumerate(cases.items()):
        (tmp_path / f"{number}.csv").write_text(content, encoding="utf-8")
        assert _read(tmp_path / f"{number}.csv").numbers == Numbers(decimal, thousands), content


def spoilt_log(path: Path, bad: int) -> Path:
    """Of 400 rows, the first few have a time, a day and a number that are none."""
    return coin_log(
        path,
        rows=400,
        sent_at=lambda n: "31.11.2026 10:00" if n < bad else f"{n % 20 + 1:02}.11.2026 08:{n // 20:02}",
        joined=lambda n: "31.11.2024" if n < bad else f"{n % 28 + 1:02}.{n % 12 + 1:02}.20{n % 9 + 10}",
        spend=lambda n: "k.A. (alt)" if n < bad else f"{n}.25",
    )


def test_a_few_bad_cells_do_not_make_a_column_text(tmp_path: Path) -> None:
    log = spoilt_log(tmp_path / "log.csv", bad=2)
    with reading([log]) as read:
        proposal = propose(read, Answers(), TODAY)
        assert odd_sentences(read, proposal) == [
            "sent_at: 2 of 400 values are no time: '31.11.2026 10:00' (2 rows, first row 1); their rows are "
            "left out.",
            "spend: 2 of 400 values are no number: 'k.A. (alt)' (2 rows, first row 1); they become "
            "empty cells.",
            "joined: 2 of 400 values are no time: '31.11.2024' (2 rows, first row 1); they become "
            "empty cells.",
        ]
        use_case = parse_use_case(use_case_text(read, proposal, 0.01), Path("own.yaml"))
    assert proposal.roles["time"] == "sent_at"
    types = {feature.column: feature.settings["type"] for feature in proposal.features}
    assert (types["joined"], types["spend"]) == ("date", "number")
    trial = try_out(use_case, "training", [log])
    assert (trial.good, [str(each.found) for each in trial.refusals]) == (398, ["31.11.2026 10:00"])
    assert trial.refusals[0].remedy.startswith("write a day that exists")


def test_too_many_bad_cells_are_named_and_no_other_column_takes_the_role(tmp_path: Path) -> None:
    log = spoilt_log(tmp_path / "log.csv", bad=20)
    named = r"20 of its 400 values are no times: '31\.11\.2026 10:00' \(20 rows, first row 1\); allowed"
    with pytest.raises(SettingsError, match=named):
        found(log, Answers(roles={"time": "sent_at"}))
    with pytest.raises(SettingsError, match=f"no column was found for the time of sending .*{named}"):
        found(log, Answers())
    two = coin_log(tmp_path / "two.csv", rows=400, spend=lambda n: f"{n}.5" if n % 3 else f'"1 {n:03},5"')
    left_out = {each.column: each.why for each in found(two, Answers()).proposal.left_out}
    assert "they look like numbers, but 134 of 400 cannot be read: '1 000,5' (row 1)" in left_out["spend"]


@pytest.mark.parametrize(
    ("good", "bad", "format_"), [("202611{day}", "20261131", ("%Y%m%d",)), ("17930{day}000", "0", ())]
)
def test_one_bad_cell_among_times_written_as_numbers_is_one(
    tmp_path: Path, good: str, bad: str, format_: tuple[str, ...]
) -> None:
    log = coin_log(
        tmp_path / "log.csv",
        sent_at=lambda n: bad if n == 7 else good.format(day=f"{n % 20 + 10}"),
        customer_id=lambda n: f"c{n}",
    )
    parts = [tmp_path / "a.csv", log]
    parts[0].write_text("\n".join(log.read_text().splitlines()[:1] + log.read_text().splitlines()[101:]))
    log.write_text("\n".join(log.read_text().splitlines()[:101]) + "\n")
    with reading(parts) as read:
        proposal = propose(read, Answers(), TODAY)
        (said,) = odd_sentences(read, proposal)
        use_case = parse_use_case(use_case_text(read, proposal, 0.01), Path("own.yaml"))
    assert said == f"sent_at: 1 of 200 values is no time: '{bad}' (log.csv row 8); its row is left out."
    assert use_case.ingest.format.date_formats == format_
    assert proposal.days[0].year == 2026
    assert try_out(use_case, "training", parts).refused == 1


def test_one_odd_date_does_not_decide_between_day_and_month(tmp_path: Path) -> None:
    log = coin_log(tmp_path / "log.csv", rows=400, joined=lambda n: f"{n % 28 + 1}/{1 + n // 399 * 12}/2025")
    assert found(log, Answers()).use_case.ingest.format.date_formats == ("%d/%m/%Y",)
