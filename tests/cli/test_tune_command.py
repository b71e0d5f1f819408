"""`newsletter-bandit tune` as a user meets it: refusals, and one search through the pipeline."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from components.hyperparameters_gen.tuned_set import read
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.events import StepEvent
from pipelines.tuning.running import tune
from pipelines.workspace import Workspace
from tests.cli.conftest import Command
from tests.small_newsletter import write_settings

ROOT = Path(__file__).parents[2]
RUN_DATE = dt.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("ranges", "arguments", "words"),
    [
        ({}, [], "tuning.ranges: none given, so there is nothing to search"),
        (
            {"exploration.epsilon": {"low": 0.0, "high": 0.1}},
            [],
            "tuning.ranges.exploration.epsilon: changes no reward estimate",
        ),
        (
            {"agent.epochs": {"low": 0, "high": 3}},
            [],
            "tuning.ranges.agent.epochs: low: found",
        ),
        ({"agent.epochs": {"low": 3, "high": 1}}, [], "found low 3, high 1; allowed: low < high"),
        ({"agent.epochs": {"low": 1, "high": 3}}, ["--trials", "0"], "--trials"),
        (
            {"agent.epochs": {"low": 1, "high": 3}},
            ["--run-date", "2026-01-20"],
            "allowed: 2026-02-05 or later",
        ),
    ],
)
def test_refusals(
    ranges: dict[str, Any], arguments: list[str], words: str, tmp_path: Path, command: Command
) -> None:
    use_case = write_settings(tmp_path, tuning={"ranges": ranges})
    workdir = tmp_path / "work"
    done = command("tune", "--use-case", use_case, "--workdir", workdir, *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr + done.stdout
    assert not workdir.exists()


@pytest.mark.slow
@pytest.mark.pipeline
def test_a_search_writes_what_training_reads_and_goes_on_when_asked_for_more(tmp_path: Path) -> None:
    from pipelines.cli.simulated_tables import simulate

    ranges = {"agent.l2": {"low": 1.0, "high": 900.0, "log": True}}
    path = write_settings(tmp_path, tuning={"ranges": ranges}, agent={"type": "lin_ucb"})
    use_case = load_use_case(path)
    workdir = tmp_path / "work"
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    workspace = Workspace(use_case, path, environment.in_workdir(workdir, use_case), workdir)
    simulate(workspace, RUN_DATE, 4_000, 10, seed=3)

    days = TrainingDays.of(use_case, RUN_DATE)
    first = tune(workspace, days, 1, lambda _: None)
    assert [trial.number for trial in first.trials] == [0]
    assert first.trials[0].values == {}
    assert first.window == use_case.window.latest(RUN_DATE, use_case.attribution_days)
    events: list[StepEvent] = []
    second = tune(workspace, days, 2, events.append)
    assert second.trials[:1] == [
        type(trial)(trial.number, trial.values, trial.score, trial.seconds, kept=True)
        for trial in first.trials
    ]
    assert [event.step for event in events if event.state == "cached"] == ["Trial 0"]
    assert [event.step for event in events if event.state == "finished"][-1] == "Trial 1"
    written = read(str(workspace.tuned_file), use_case)
    assert written == second.tuned
    best = dict(second.winner.trial.values)
    assert written.found.best == best
    assert written.values == (best if second.winner.is_better else {})
    assert written.found.trials == 2

    earlier = RUN_DATE - dt.timedelta(days=200)
    with pytest.raises(DataError, match="holds no rows"):
        tune(workspace, TrainingDays.of(use_case, earlier), 2, lambda _: None)
    assert read(str(workspace.tuned_file), use_case) == written
