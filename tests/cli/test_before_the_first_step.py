"""What `newsletter-bandit train` and `predict` say before a step runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.registry import Look, Registry, settings_digest, window_of
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.cli import local_runs
from pipelines.cli.simulated_tables import simulate
from pipelines.cli.warehouse import rows_fingerprint
from pipelines.local.running import judged_before
from pipelines.workspace import Workspace
from tests.evidence_records import decision, metrics, published, verdict
from tests.local_files import warehouse_file

ROOT = Path(__file__).parents[2]
RUN_DATE = dt.date(2026, 11, 23)
VERSION = "20261101T000000Z-12345678"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workdir = tmp_path_factory.mktemp("workdir")
    path = ROOT / "configs" / "newsletter.yaml"
    use_case = load_use_case(path)
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    made = Workspace(use_case, path, environment.in_workdir(workdir, use_case), workdir)
    simulate(made, RUN_DATE, 4_000, 10, seed=3)
    return made


def test_the_same_rows_with_the_same_settings_are_not_trained_on_again(workspace: Workspace) -> None:
    use_case, environment = workspace.use_case, workspace.environment
    days = TrainingDays.of(use_case, RUN_DATE)
    rows = rows_fingerprint(workspace, days.window)
    assert judged_before(workspace, days, rows) is None
    registry = Registry(environment.registry, use_case.name)
    digest = settings_digest(use_case.to_json())
    look = Look(window_of(days.window), digest, rows, "one", "not_blessed", "logging policy")
    registry.looks.note(look)
    registry.looks.conclude("one", "not_blessed", None)

    out = io.StringIO()
    console = Console(file=out, width=200)
    assert local_runs.train(console, workspace, RUN_DATE) is None
    assert "Not trained again: a model of 2026-" in out.getvalue()
    assert "`--again` trains all the same" in out.getvalue()
    # No step has run.
    assert not Path(environment.pipeline_root).exists()
    # Two days later the window is the same one.
    assert local_runs.train(console, workspace, RUN_DATE.replace(day=RUN_DATE.day + 2)) is None

    # Other settings are another training, and so are other rows.
    changed = use_case.model_copy(update={"eval_share": 0.3})
    assert judged_before(dataclasses.replace(workspace, use_case=changed), days, rows) is None
    for change in ("clicked = NOT clicked", "age = age + 1"):
        with duckdb.connect(warehouse_file(environment)) as connection:
            connection.execute(
                f"UPDATE newsletter.training SET {change} WHERE user_id = (SELECT min(user_id) FROM "
                "newsletter.training WHERE sent_at >= ? AND sent_at < ?)",
                list(days.window),
            )
        corrected = rows_fingerprint(workspace, days.window)
        assert corrected != rows
        assert judged_before(workspace, days, corrected) is None
        rows = corrected


def test_a_pin_and_what_lies_outside_of_the_window_are_said_before_anything_is_trained(
    workspace: Workspace, tmp_path: Path
) -> None:
    environment = workspace.environment.model_copy(update={"registry": str(tmp_path / "registry")})
    # Without a schema, a training ends before its first step.
    held = dataclasses.replace(workspace, environment=environment, use_case_path=tmp_path / "use_case.yaml")
    _publish(held, tmp_path)
    out = io.StringIO()
    with pytest.raises(SettingsError, match="newsletter-bandit schema"):
        local_runs.train(Console(file=out, width=200), held, RUN_DATE)
    shown = out.getvalue()
    assert "Outside the window: " in shown
    assert f"Production is pinned to {VERSION}" in shown
    path = warehouse_file(workspace.environment)
    with duckdb.connect(path, read_only=True) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM newsletter.training").fetchall()
    assert f"of {count:,} loaded newsletters" in shown


def test_an_empty_window_is_refused_with_where_the_newsletters_lie(workspace: Workspace) -> None:
    with pytest.raises(
        DataError, match=r"no newsletter of the window .*the oldest after is of 2026-\d\d-\d\d"
    ):
        local_runs.train(Console(file=io.StringIO()), workspace, dt.date(2026, 2, 6))


def test_what_is_missing_is_refused_before_tensorflow_is_loaded(workspace: Workspace) -> None:
    program = f"""
import sys, typer
from pipelines.cli.main import app
for words in (
    ["train", "--run-date", "2026-02-06"],
    ["predict", "--run-date", "{RUN_DATE}"],
    ["train", "--run-date", "9999-12-30"],
    ["predict", "--run-date", "9999-12-30"],
):
    code = typer.main.get_command(app).main(
        [*words, "--workdir", {str(workspace.workdir)!r}], standalone_mode=False
    )
    assert code == 2, code
assert not {{"tensorflow", "tfx", "apache_beam"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no newsletter of the window" in done.stderr
    assert "nothing is in production" in done.stderr
    assert done.stderr.count("(freshness.max_days_ahead)") == 2


def test_predict_without_users_says_so_once_and_first(workspace: Workspace, tmp_path: Path) -> None:
    use_case = workspace.use_case.model_copy(
        update={"tables": workspace.use_case.tables.model_copy(update={"inference": "newsletter.nobody"})}
    )
    environment = workspace.environment.model_copy(update={"registry": str(tmp_path / "registry")})
    lacking = dataclasses.replace(workspace, environment=environment, use_case=use_case)
    out = io.StringIO()
    _publish(lacking, tmp_path)
    with pytest.raises(DataError, match=r"no table newsletter\.nobody; found: .*`newsletter-bandit ingest`"):
        local_runs.predict(Console(file=out), lacking, RUN_DATE)
    assert out.getvalue() == ""


def _publish(workspace: Workspace, folder: Path) -> None:
    """Puts a version into production, pinned."""
    (folder / "model" / "variables").mkdir(parents=True)
    (folder / "model" / "saved_model.pb").write_text("graph")
    registry = Registry(workspace.environment.registry, workspace.use_case.name)
    registry.publish(VERSION, str(folder / "model"), published(metrics(), verdict(), decision()))
    registry.set_current(VERSION, pinned=True)
