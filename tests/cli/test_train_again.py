"""`newsletter-bandit train` on rows that were judged before."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from newsletter_bandit.registry import Look, Registry, settings_digest, window_of
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.warehouse.arms import arm_summary, fingerprint
from pipelines.cli import local_runs
from pipelines.cli.simulated_tables import simulate
from pipelines.local.running import judged_before
from pipelines.workspace import Workspace

ROOT = Path(__file__).parents[2]
RUN_DATE = dt.date(2026, 11, 23)


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
    rows = fingerprint(arm_summary(environment.warehouse, use_case, *days.window))
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
    with duckdb.connect(environment.warehouse.path) as connection:  # type: ignore[union-attr]
        connection.execute(
            "UPDATE newsletter.training SET clicked = NOT clicked WHERE user_id = (SELECT min(user_id) FROM "
            "newsletter.training WHERE sent_at >= ? AND sent_at < ?)",
            list(days.window),
        )
    corrected = fingerprint(arm_summary(environment.warehouse, use_case, *days.window))
    assert corrected != rows
    assert judged_before(workspace, days, corrected) is None
    # So are rows whose propensities were mended.
    with duckdb.connect(environment.warehouse.path) as connection:  # type: ignore[union-attr]
        connection.execute("UPDATE newsletter.training SET propensity = propensity / 2")
    assert fingerprint(arm_summary(environment.warehouse, use_case, *days.window)) != corrected
