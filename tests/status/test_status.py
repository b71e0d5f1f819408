"""The status of a use case: each line against its limit, and what is missing or broken as a line too."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml
from rich.console import Console

from newsletter_bandit.registry import Look, Registry, approve, reject
from newsletter_bandit.settings.use_case import Freshness, Publication
from newsletter_bandit.settings.words import Words
from pipelines.cli.status import lines
from pipelines.status.findings import Finding, Limits, Severity
from pipelines.status.looking import look
from pipelines.workspace import Workspace
from serving.stores.sqlite import SQLiteStore
from tests.local_files import rankings_file, warehouse_file
from tests.other_words import told
from tests.rankings import make_ranking
from tests.registry.made_candidates import candidate, model_in
from tests.set_up import TODAY, VERSION, WINDOW, fill, note, placed, use_case

pytestmark = pytest.mark.database

ROOT = Path(__file__).parents[2]
OK, WARNING, CRITICAL = Severity


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("status"))


@pytest.fixture
def workspace(filled: Workspace, tmp_path: Path) -> Workspace:
    """A copy of `filled` that a test may change."""
    shutil.copytree(filled.workdir, tmp_path / "work")
    return placed(filled.use_case, tmp_path / "work")


def found(workspace: Workspace, now: dt.datetime = TODAY, limits: Limits | None = None) -> dict[str, Finding]:
    return {finding.subject: finding for finding in look(workspace, now, limits).findings}


def severities(workspace: Workspace, now: dt.datetime = TODAY) -> list[Severity]:
    return [finding.severity for finding in look(workspace, now).findings]


def test_all_is_well(filled: Workspace) -> None:
    status = look(filled, TODAY)
    assert status.summary == "ok: newsletters, users, model, trainings, rankings"
    assert [finding.words for finding in status.findings] == [
        "newest of 2024-01-14, 8 days old, 1 day before the end of the window 2024-01-08 to 2024-01-14; at "
        "most 14 days (freshness.max_input_age_days)",
        "snapshot of 2024-01-20, 2 days old; at most 14 days (freshness.max_input_age_days)",
        f"{VERSION}, published 2024-01-20, 1 day ago; expected within 21 days",
        "last verdicts, the newest first: published; 0 in a row published nothing; the last window judged is "
        "2024-01-08 to 2024-01-14",
        f"1 user, made for 2024-01-22 by {VERSION}, served until 2024-01-30 00:00 UTC; those of 1 more have "
        "expired",
    ]
    assert not any(finding.advice for finding in status.findings)


def test_the_lines_of_another_use_case_have_its_own_names(filled: Workspace, tmp_path: Path) -> None:
    words = Words(unit="visit", subject="session")
    visits = dataclasses.replace(filled, use_case=filled.use_case.model_copy(update={"words": words}))
    assert look(visits, TODAY).summary == "ok: visits, sessions, model, trainings, rankings"
    assert found(visits)["rankings"].words.startswith("1 session, made for")
    empty = placed(use_case(words=words, raw={"users": "raw.sessions"}), tmp_path)
    assert (
        told("\n".join(f"{one.subject} {one.words} {one.advice}" for one in look(empty, TODAY).findings))
        == []
    )


def test_many_rankings_that_no_later_prediction_renewed_are_a_warning(workspace: Workspace) -> None:
    store = SQLiteStore(rankings_file(workspace.environment))
    earlier = dt.datetime(2024, 1, 21, tzinfo=dt.UTC)
    store.put_many([make_ranking(user_id="user-3", generated_at=earlier, model_version=VERSION)])
    store.close()
    rankings = found(workspace)["rankings"]
    assert rankings.severity == WARNING
    assert rankings.words.endswith("1 are of an earlier day, 50%; at most 20% (freshness.max_stale_share)")
    assert rankings.advice == "see whether the inference table holds every user that it should"
    assert rankings.figures["stale_users"] == 1
    any_share = workspace.use_case.model_copy(update={"freshness": Freshness(max_stale_share=1.0)})
    tolerant = dataclasses.replace(workspace, use_case=any_share)
    assert found(tolerant)["rankings"].severity == OK


def test_rankings_of_another_version_than_the_one_in_production(workspace: Workspace) -> None:
    registry = Registry(workspace.environment.registry, "newsletter")
    new = "20240121T010000Z-5a2b3c4d"
    candidate(registry, str(workspace.workdir / "model"), new, VERSION)
    approve(registry, new, "ada", "ok", TODAY)
    line = found(workspace)["rankings"]
    assert line.severity is OK  # the next prediction is due within a day
    assert line.words.endswith(f"; in production now: {new}, which the next prediction uses")
    assert line.advice.startswith("`newsletter-bandit predict`")
    assert line.figures["production"] == new
    assert found(workspace, TODAY + dt.timedelta(days=1))["rankings"].severity is OK
    assert found(workspace, TODAY + dt.timedelta(days=1, hours=1))["rankings"].severity is WARNING
    # What brought an older one back wants a prediction at once.
    store = SQLiteStore(rankings_file(workspace.environment))
    store.put_many([make_ranking(user_id="user-1", generated_at=TODAY, model_version=new)])
    store.close()
    assert not found(workspace)["rankings"].advice
    registry.rollback(VERSION)
    assert found(workspace)["rankings"].severity is WARNING


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-01-29T00:00", [OK, OK, OK, OK, OK]),
        ("2024-01-29T12:00", [OK, OK, OK, OK, WARNING]),  # rankings are served for half a day more
        ("2024-02-02T00:00", [WARNING, WARNING, OK, OK, CRITICAL]),  # 13 of 14 days, and nothing is served
        ("2024-02-04T00:00", [WARNING, CRITICAL, OK, OK, CRITICAL]),  # users of 15 days ago
        ("2024-02-11T12:00", [WARNING, CRITICAL, WARNING, WARNING, CRITICAL]),  # three windows on
    ],
)
def test_the_days_go_by(filled: Workspace, day: str, expected: list[Severity]) -> None:
    assert severities(filled, dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)) == expected


def test_any_age_is_allowed_where_the_settings_say_so(filled: Workspace) -> None:
    unbounded = filled.use_case.model_copy(update={"freshness": Freshness(max_input_age_days=None)})
    late = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    ages = found(dataclasses.replace(filled, use_case=unbounded), late)
    assert (ages["newsletters"].severity, ages["users"].severity) == (OK, OK)
    assert ages["users"].words == "snapshot of 2024-01-20, 347 days old"


def test_newer_raw_rows_count_because_a_run_can_build_from_them(workspace: Workspace) -> None:
    with duckdb.connect(warehouse_file(workspace.environment)) as connection:
        for table, column in (("raw.sends", "sent_at"), ("raw.users", "snapshot_date")):
            connection.execute(f"UPDATE {table} SET {column} = DATE '2024-02-03'")
    later = found(workspace, dt.datetime(2024, 2, 5, tzinfo=dt.UTC))
    assert (later["newsletters"].severity, later["users"].severity) == (OK, OK)
    words = "snapshot of 2024-02-03 in raw.users, which --build-table takes, 2 days"
    assert later["users"].words.startswith(words)
    # Tomorrow's rows are not there yet.
    assert found(workspace, dt.datetime(2024, 2, 2, tzinfo=dt.UTC))["users"].figures["newest"] == "2024-01-20"


def test_a_table_that_is_empty_or_names_no_day(workspace: Workspace) -> None:
    with duckdb.connect(warehouse_file(workspace.environment)) as connection:
        connection.execute("DELETE FROM tiny.training; DELETE FROM raw.sends")
        connection.execute("ALTER TABLE tiny.inference DROP COLUMN snapshot_date")
    lines_now = found(workspace)
    assert lines_now["newsletters"].severity is WARNING
    assert lines_now["newsletters"].words == "tiny.training holds none"
    assert lines_now["users"].severity is OK
    assert "tiny.inference has no column snapshot_date, so their age is not known" in lines_now["users"].words


def test_what_is_missing_is_a_line_with_the_command_that_makes_it(tmp_path: Path) -> None:
    empty = found(placed(use_case(), tmp_path / "work"))
    assert {subject: finding.severity for subject, finding in empty.items()} == {
        "newsletters": WARNING,
        "users": CRITICAL,
        "model": CRITICAL,
        "trainings": WARNING,
        "rankings": CRITICAL,
    }
    for subject, command in (
        ("newsletters", "ingest training FILE"),
        ("users", "ingest inference FILE"),
        ("model", "train"),
        ("trainings", "train"),
        ("rankings", "predict"),
    ):
        assert f"`newsletter-bandit {command}`" in empty[subject].advice
    assert not (tmp_path / "work").exists()


def test_trainings_that_publish_nothing_and_a_pin(workspace: Workspace) -> None:
    registry = Registry(workspace.environment.registry, "newsletter")
    for number, (outcome, verdict_name) in enumerate(
        [("not_blessed", "not_blessed"), ("cannot_tell", "cannot_tell"), ("pinned", "blessed")], start=2
    ):
        assert found(workspace)["trainings"].severity is OK
        note(registry, number, outcome, verdict_name)
    # A training that is still under way says nothing yet.
    registry.looks.note(Look(WINDOW, "settings", "rows", "evaluation/5", "blessed", VERSION))
    trainings = found(workspace)["trainings"]
    assert trainings.severity is WARNING
    assert trainings.words.startswith(
        "last verdicts, the newest first: blessed (not concluded), blessed (kept out by a pin), cannot tell, "
        "not blessed, published; 3 in a row published nothing"
    )
    assert found(workspace, limits=Limits(max_unpublished=4))["trainings"].severity is OK
    registry.pin()
    assert "; pinned, so no training replaces it" in found(workspace)["model"].words
    old = found(workspace, TODAY + dt.timedelta(days=30))["model"]
    assert (old.severity, "models unpin" in old.advice) == (WARNING, True)


def test_a_version_that_waits_for_its_sign_off(workspace: Workspace) -> None:
    assert "sign-off" not in found(workspace)
    asked_for = workspace.use_case.model_copy(update={"publication": Publication(wait_for_sign_off=True)})
    waits = dataclasses.replace(workspace, use_case=asked_for)
    assert found(waits)["sign-off"].words == "nothing waits for it"
    registry = Registry(workspace.environment.registry, "newsletter")
    new = "20240122T010000Z-5a2b3c4d"
    candidate(registry, str(workspace.workdir / "model"), new, VERSION)
    today = TODAY + dt.timedelta(days=2, hours=1)
    line = found(workspace, today)["sign-off"]
    assert (line.severity, line.words) == (OK, f"{new} has waited for 2 days; expected within 2 days")
    assert f"`newsletter-bandit models approve {new} --note TEXT`" in line.advice
    assert line.figures == {"waiting": [{"version": new, "since": "2024-01-22T01:00:00+00:00", "days": 2}]}
    assert found(workspace, today, Limits(max_sign_off_days=1))["sign-off"].severity is WARNING
    trainings = found(workspace)["trainings"].words
    assert "newest first: blessed (sign-off needed), published; 0 in a row published nothing" in trainings
    # Once something else is in production, it can no longer be approved.
    other = "20240122T020000Z-6a2b3c4d"
    candidate(registry, str(workspace.workdir / "model"), other, VERSION)
    approve(registry, other, "ada", "ok", TODAY)
    assert found(waits)["sign-off"].words == "nothing waits for it"
    trainings = found(workspace)["trainings"].words
    assert "newest first: published, blessed (superseded), published; 0 in a row" in trainings
    registry.set_current(VERSION)
    reject(registry, new, "bob", "no", TODAY)
    assert "sign-off" not in found(workspace)
    reject(registry, VERSION, "bob", "a mistake", TODAY)
    line = found(workspace)["sign-off"]
    assert (line.severity, line.words.partition(" by ")[2]) == (WARNING, "bob on 22 Jan 2024: a mistake")


def test_a_first_model_that_waits_is_what_production_lacks(tmp_path: Path) -> None:
    workspace = placed(use_case(), tmp_path / "work")
    registry = Registry(workspace.environment.registry, "newsletter")
    candidate(registry, model_in(tmp_path / "model"), VERSION, None)
    advice = found(workspace)["model"].advice
    assert f"sign off what waits for it: `newsletter-bandit models approve {VERSION}" in advice


def test_a_part_that_cannot_be_read_is_a_line_and_the_others_stay(workspace: Workspace) -> None:
    (workspace.workdir / "registry" / "newsletter" / "CURRENT").write_text("{}")
    rankings_file(workspace.environment).write_text("not a database, but a text")
    broken = found(workspace)
    for subject in ("model", "rankings"):
        assert broken[subject].severity is CRITICAL
        assert broken[subject].words.startswith("cannot be read: ")
    assert broken["users"].severity is broken["trainings"].severity is OK


def test_a_warehouse_that_is_being_filled_is_no_alarm(workspace: Workspace) -> None:
    path = warehouse_file(workspace.environment)
    program = f"import duckdb; c = duckdb.connect({str(path)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        held = found(workspace)
        writer.communicate("\n")
    assert held["users"].severity is WARNING
    assert "another process holds this warehouse" in held["users"].words
    assert held["model"].severity is OK


def test_eighty_columns_hold_it(workspace: Workspace) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80)
    console.print(lines(look(workspace, dt.datetime(2024, 2, 4, tzinfo=dt.UTC)), quiet=True))
    shown = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, shown)) <= 80
    assert [line.split()[:2] for line in shown if not line.startswith(" ")] == [
        ["warning", "newsletters"],
        ["critical", "users"],
        ["critical", "rankings"],
    ]


def test_the_command_exits_by_severity_and_imports_nothing_slow(filled: Workspace) -> None:
    settings = filled.workdir / "use_case.yaml"
    settings.write_text(yaml.safe_dump(filled.use_case.model_dump(mode="json")))
    environment = ROOT / "configs" / "environments" / "local.yaml"
    options = ["--use-case", settings, "--environment", environment, "--workdir", filled.workdir]
    program = f"""
import sys
from pipelines.cli import main
days = ["2024-01-22", "2024-02-02", "2024-02-02 --json", "2024-01-22 -q", "2024-01-29 -q --warning-share .8"]
for day in days:
    sys.argv = ["newsletter-bandit", "status", *{list(map(str, options))!r}, "--run-date", *day.split()]
    try:
        main.main()
    except SystemExit as end:
        print("== exit", end.code, flush=True)
slow = {{"tensorflow", "tfx", "apache_beam", "pandas", "google.cloud.bigquery"}} & set(sys.modules)
assert not slow, slow
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    well, late, as_json, quiet, early, _ = done.stdout.split("== exit ")
    assert well.startswith("newsletter: ok: newsletters, users, model, trainings, rankings\nok ")
    assert late.startswith("0\nnewsletter: critical: rankings; warning: newsletters, users\n")
    assert "`newsletter-bandit predict --use-case" in " ".join(late.split())
    code, _, body = as_json.partition("\n")
    content = json.loads(body)
    assert (code, content["status"], content["use_case"]) == ("5", "critical", "newsletter")
    assert {one["subject"]: one["severity"] for one in content["findings"]}["rankings"] == "critical"
    assert quiet == "5\n"
    assert early.startswith("0\nnewsletter: warning: rankings\nwarning ")
    assert done.stdout.endswith("== exit 4\n")
    assert not (filled.workdir / "logs").exists()
