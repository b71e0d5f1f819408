"""Raw files into the raw tables, the commands, and what they say without a credential for BigQuery."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.reading import load_environment
from newsletter_bandit.settings.use_case import Freshness, UseCase
from newsletter_bandit.warehouse.ingest import ingest
from newsletter_bandit.warehouse.loading import newest
from newsletter_bandit.warehouse.tables.build import Plan, build
from pipelines.cli.warehouse import plan
from pipelines.workspace import Workspace
from tests.cli.conftest import Command, Done
from tests.raw_sources import END, START, make_raw_use_case

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "sends": "send_id,user_id,sent_at,campaign,recommender,propensity,policy_version,eligible_recommenders\n"
    "s1,u1,2024-01-09 08:00:00,c1,a,0.5,p1,a|c\n"
    "s2,u2,2024-01-09 08:00:00,c1,b,,,\n"
    "s1,u1,2024-01-09 08:00:00,c1,a,0.5,p1,a|c\n"
    "s3,u1,2024-01-09 08:00:00,c1,b,0.5,p1,a|c\n"
    "s4,u1,2024-01-09 08:00:00,c1,zz,0.5,p1,\n"
    "s5,u1,2024-01-09 08:00:00,c1,a,1.5,p1,\n"
    ",u1,2024-01-09 08:00:00,c1,a,0.5,p1,\n",
    "clicks": "send_id,clicked_at\ns1,2024-01-09 09:00:00\ns1,2024-01-09 10:00:00\ns2,soon\n",
    "unsubscribes": "send_id,unsubscribed_at\ns1,2024-01-09 11:00:00\n",
    "users": "user_id,snapshot_date,eligible_recommenders,colour,height,joined,member\n"
    "u1,2024-01-09,,red,170.5,2023-06-01,1\nu1,2024-01-10,a,blue,,,\n",
    "rankings": "user_id,campaign,generated_at,recommenders,propensities,model_version\n"
    "u2,c1,2024-01-08,b|a|c,0.7|0.9|1.0,m1\n"
    "u3,c1,2024-01-08,b|a|c,0.7|0.9,m1\n"
    "u3,c1,2024-01-09,b|a,0.7|x,m1\n"
    "u3,c1,2024-01-10,b|a,0.7|inf,m1\n",
}
REFUSED = {
    "sends": [
        "eligible_recommenders: without the recommender that was shown",
        "propensity: outside (0, 1]",
        "recommender: unknown",
        "send_id: a second row of the same send_id",
        "send_id: empty",
    ],
    "clicks": ["clicked_at: not a time"],
    "unsubscribes": [],
    "users": [],
    "rankings": ["propensities: not a list of numbers", "propensities: not one for each of recommenders"],
}


@pytest.fixture
def use_case() -> UseCase:
    # Most of these few rows are refused.
    return make_raw_use_case(ingest={"max_rejected_share": 1.0})


def _write(folder: Path) -> dict[str, Path]:
    files = {}
    for table, text in FILES.items():
        files[table] = folder / f"{table}.csv"
        files[table].write_text(text)
    return files


def test_raw_files_are_checked_kept_once_and_become_training_rows(tmp_path: Path, use_case: UseCase) -> None:
    warehouse = tmp_path / "w.duckdb"
    loaded = {}
    for table, file in _write(tmp_path).items():
        report = ingest(warehouse, use_case, table, [file])  # type: ignore[arg-type]
        assert sorted(refusal.reason for refusal in report.refusals) == REFUSED[table]
        loaded[table] = report.loaded
        again = ingest(warehouse, use_case, table, [file])  # type: ignore[arg-type]
        assert (again.loaded, again.already_there) == (0, report.loaded)
    assert loaded == {"sends": 2, "clicks": 2, "unsubscribes": 1, "users": 2, "rankings": 1}

    build(
        DuckDBWarehouse(kind="duckdb", path=str(warehouse)), use_case, Plan(START, END, dt.date(2024, 1, 10))
    )
    with duckdb.connect(str(warehouse)) as connection:
        columns = "user_id, recommender, propensity, policy_version, clicked, unsubscribed, colour"
        found = connection.execute(f"SELECT {columns} FROM tiny.training ORDER BY user_id").fetchall()
        users = connection.execute(
            "SELECT user_id, eligible_recommenders, colour FROM tiny.inference"
        ).fetchall()
    assert found == [("u1", "a", 0.5, "p1", True, True, "red"), ("u2", "b", 0.7, "m1", False, False, None)]
    assert users == [("u1", ["a"], "blue")]


def test_a_raw_file_without_a_column_is_refused(tmp_path: Path, use_case: UseCase) -> None:
    file = tmp_path / "clicks.csv"
    file.write_text("send_id\ns1\n")
    with pytest.raises(DataError, match=r"no column clicked_at; found: send_id"):
        ingest(tmp_path / "w.duckdb", use_case, "clicks", [file])


def test_the_commands(tmp_path: Path, use_case: UseCase, command: Command) -> None:
    settings, work = tmp_path / "tiny.yaml", tmp_path / "work"
    # The newsletters are of one day, 20 days before their window ends.
    use_case = use_case.model_copy(update={"freshness": Freshness(max_input_age_days=20)})
    settings.write_text(yaml.safe_dump(use_case.model_dump(mode="json")))
    files = _write(tmp_path)
    for table in ("sends", "unsubscribes", "users", "rankings"):
        ingest(work / "warehouse.duckdb", use_case, table, [files[table]])  # type: ignore[arg-type]

    def run(*arguments: str) -> Done:
        return command(*arguments, "--use-case", settings, "--workdir", work)

    days = ("build-tables", "--from", "2024-01-08", "--to", "2024-01-14")
    missing = run(*days)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no table raw.clicks; found: raw.rankings, raw.sends" in missing.stderr
    assert (
        "2 of 3 rows loaded into raw.clicks, 1 refused."
        in run("ingest", "clicks", str(files["clicks"])).stdout
    )
    # What a load left out is kept for the report of the next training.
    noted = newest(work, "tiny", "clicks")
    assert noted is not None
    assert (noted.command, noted.read, noted.taken) == ("ingest", 3, 2)
    assert noted.left_out == {"clicked_at: not a time": 1}
    dry = run(*days, "--dry-run")
    assert "Build the training table: the SQL can be run" in dry.stdout
    assert "Dry run: nothing was written." in dry.stdout
    done = run(*days)
    assert done.returncode == 0, done.stderr
    assert "tiny.training, sends of 2024-01-08 to 2024-01-14: 2 rows written in place of 0." in done.stdout
    built = newest(work, "tiny", "training")
    assert built is not None
    assert (built.command, built.taken, built.left_out) == ("build-tables", 2, {})

    # A day on which its window holds no newsletter, and the users are of long ago.
    late = run("train", "--run-date", "2024-06-01")
    assert (late.returncode, late.stdout.count("\n")) == (2, 1)
    assert "no newsletter of the window 2024-04-15 to 2024-05-12; the newest before is of" in late.stderr
    # A run can build first what it reads; this one then lacks a schema.
    first = run("train", "--run-date", "2024-02-01", "--build-table")
    assert "tiny.training, sends of 2024-01-01 to 2024-01-31: 2 rows written in place of 2." in first.stdout
    assert "What the log holds: 2 newsletters" in first.stdout
    assert (first.returncode, "write the curated schema" in first.stderr) == (2, True)
    users = run("predict", "--run-date", "2024-01-11", "--build-table")
    assert "users of the snapshot of 2024-01-10 for campaign 2024-W02: 1 rows written" in users.stdout
    assert "Users of 2024-01-10, 1 day before the run date" in users.stdout
    assert (users.returncode, "nothing is in production" in users.stderr) == (2, True)
    stale = run("predict", "--run-date", "2024-03-20")
    assert (stale.returncode, stale.stdout) == (2, "")
    assert "tiny.inference: its users are those of 2024-01-10, 70 days before the run date" in stale.stderr
    assert "fill it with `newsletter-bandit build-tables --run-date 2024-03-20 --use-case " in stale.stderr


def test_days_are_given_together_or_not_at_all(tmp_path: Path, use_case: UseCase) -> None:
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    workspace = Workspace(use_case, tmp_path / "tiny.yaml", environment, tmp_path)
    day = dt.date(2024, 1, 8)
    assert plan(workspace, None, day, day, None) == Plan(day, dt.date(2024, 1, 9))
    for options in (
        (None, day, None, None),
        (None, None, day, None),
        (day, day, day, None),
        (None, day, day, "c"),
    ):
        with pytest.raises(SettingsError, match=r"--from, --to: use both, without --run-date"):
            plan(workspace, *options)


# A machine of Google's would have credentials; a network that swallows the question must not hang the
# command.
@pytest.mark.parametrize("command", ["build-tables", "train", "predict", "schema", "ingest"])
def test_without_credentials_a_sentence_says_how_to_get_them(tmp_path: Path, command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOOGLE_")}
    arguments = ["sends", str(ROOT / "pyproject.toml")] if command == "ingest" else []
    arguments += ["--overwrite"] if command == "schema" else []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment |= {"HOME": str(tmp_path), "GCE_METADATA_IP": f"127.0.0.1:{silent.getsockname()[1]}"}
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pipelines.cli.main", command, *arguments),
                *("--environment", "configs/environments/vertex.yaml", "--workdir", str(tmp_path / "work")),
            ],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.splitlines()
    if command == "ingest":
        assert "load BigQuery's raw tables with `bq load`" in sentence
    else:
        assert "no credentials were found; run `gcloud auth application-default login`" in sentence
