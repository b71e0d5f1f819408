"""`newsletter-bandit evaluate` as a user meets it: exit codes, one message, JSON, and no TensorFlow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from newsletter_bandit.off_policy.logged_table import Bounds, Columns, Options, evaluate
from pipelines.cli import evaluate_file, evaluation_report
from pipelines.cli.evaluate_options import EvaluateOptions
from pipelines.cli.flags import with_flags
from pipelines.cli.main import app
from tests.cli.conftest import Command
from tests.log_files import FOUR_ROWS, nearly_unsupported, random_log, write

ROOT = Path(__file__).parents[2]
NAMES = ["--action", "action", "--reward", "reward", "--propensity", "p", "--evaluation-probability", "pi"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli.main", "evaluate", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_whole_run_imports_neither_tensorflow_nor_scikit_learn(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", random_log(1, 3000))
    program = f"""
import sys, typer
from pipelines.cli.main import app
command = typer.main.get_command(app)
arguments = {["evaluate", str(path), *NAMES, "--json", str(tmp_path / "found.json")]!r}
code = command.main(arguments, standalone_mode=False)
slow = {{"tensorflow", "tfx", "apache_beam", "tf_agents", "tensorflow_model_analysis", "sklearn"}}
assert not slow & set(sys.modules), slow & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Supported" in done.stdout
    content = json.loads((tmp_path / "found.json").read_text())
    assert content["verdict"] == "supported"
    assert content["overall"]["estimates"]["snips"]["value"] == pytest.approx(0.44, abs=0.1)


def test_a_log_that_cannot_tell_ends_with_3_and_says_why(tmp_path: Path) -> None:
    path = write(tmp_path / "log.parquet", nearly_unsupported())
    done = run(path, *NAMES, "--json", tmp_path / "found.json")
    assert done.returncode == 3, done.stderr
    assert "Cannot tell" in done.stdout
    assert "as much as 2 rows of the policy's own" in " ".join(done.stdout.split())
    content = json.loads((tmp_path / "found.json").read_text())
    assert content["verdict"] == "cannot_tell"
    assert len(content["reasons"]) == 2


def test_bad_input_is_one_message_and_ends_with_2(tmp_path: Path, command: Command) -> None:
    path = write(tmp_path / "log.csv", FOUR_ROWS | {"p": [0.5, 0.5, 0.0, 0.5]})
    done = command("evaluate", path, *NAMES, "--json", tmp_path / "found.json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"Error: {path}: column p, row 3: found '0'; allowed: more than 0 and at most 1"
    ]
    assert not (tmp_path / "found.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--evaluation-probability", "pi"],
            "--propensity: missing; give a column, or use --estimate-propensities",
        ),
        (
            [*NAMES[4:], "--estimate-propensities", "--evaluation-action", "action"],
            "evaluation policy: found --evaluation-probability and --evaluation-action",
        ),
        (
            [*NAMES[4:], "--estimate-propensities", "--weight-clip", "3"],
            "--estimate-propensities: --propensity is given too",
        ),
        (
            ["--evaluation-probability", "pi", "--context", "segment"],
            "--propensity: missing; give a column, or use --estimate-propensities with --context",
        ),
        ([*NAMES[4:], "--json", "no/such/folder/x.json"], "--json: no/such/folder: no such folder"),
        ([*NAMES[4:], "--min-rows", "0"], "--min-rows: found 0; allowed: 1 or more"),
        ([*NAMES[4:], "--slate", "s"], "--slate, --position: found one of them; allowed: both or neither"),
        (
            [*NAMES[4:], "--interval", "clopper_pearson"],
            "--interval clopper_pearson: holds for rewards in a known range; allowed: with --reward-range",
        ),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    path = write(tmp_path / "log.csv", random_log(2, 300))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["evaluate", str(path), *NAMES[:4], *arguments])
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == [path]
    # The command writes to the process's own streams.
    assert f"Error: {message}" in capfd.readouterr().err


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_everything_within_its_width(tmp_path: Path, width: int) -> None:
    path = write(tmp_path / "log.parquet", random_log(3, 4000))
    columns = Columns(
        "action",
        "reward",
        evaluation_probabilities="pi_{action}",
        context=("segment", "age"),
        user="user",
        slices=("segment",),
        policy_version="version",
    )
    out = Console(width=width, highlight=False, record=True, file=(tmp_path / "shown.txt").open("w"))
    evaluation_report.show(out, evaluate([path], columns, Options(weight_clip=5.0, reward_range=(0.0, 1.0))))
    text = out.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    words = " ".join(re.sub(r"[^\w%.-]+", " ", text).split())
    for said in (
        "DR",
        "Switch-DR",
        "SNIPS",
        "ESTIMATED",
        "effective sample size",
        "weight in the top 1%",
        "v2",
    ):
        assert said in words, said
    assert "Supported if the estimated propensities are right" in words


def test_a_number_of_users_that_is_an_estimate_says_about(tmp_path: Path) -> None:
    users = {"user": [f"u{row}" for row in range(4500)]}
    path = write(tmp_path / "log.parquet", random_log(3, 4500) | users)
    found = evaluate([path], Columns("action", "reward", "p", "pi", user="user"), Options())
    out = Console(width=80, record=True, file=(tmp_path / "shown.txt").open("w"))
    evaluation_report.show(out, found)
    assert re.search(r"users +about 4,\d{3} ", out.export_text())


def test_how_a_file_was_read_is_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("action;reward;p;pi\n" + "".join(f"a;{i % 2};0.5;0.5\n" for i in range(40)))
    out = Console(width=200, highlight=False, record=True, file=(tmp_path / "shown.txt").open("w"))
    evaluation_report.show(out, evaluate([path], Columns("action", "reward", "p", "pi")))
    shown = [line.strip() for line in out.export_text().splitlines()]
    assert f"· {path}: columns are separated by a semicolon." in shown
    assert not any(line.startswith("!") for line in shown)


def test_each_option_is_a_field_of_what_it_fills_and_shows_its_default() -> None:
    own = {"files", "estimate_propensities", "json_file"}
    taken = {field.name for kind in (Columns, Options, Bounds) for field in fields(kind)}
    assert {field.name for field in fields(EvaluateOptions)} - own <= taken
    # What Python alone can set.
    left_out = {"bounds", "sample_rows", "batch_rows"}
    assert taken - left_out <= {field.name for field in fields(EvaluateOptions)}
    given = EvaluateOptions(
        files=[], action="action", reward="reward", propensity="p", evaluation_action="action"
    )
    assert evaluate_file.made(Columns, given) == Columns(
        "action", "reward", propensity="p", evaluation_action="action"
    )
    assert evaluate_file.made(Options, given) == Options()
    assert evaluate_file.made(Bounds, given) == Bounds()
    printed = " ".join(CliRunner().invoke(app, ["evaluate", "--help"]).output.split())
    for default in (2000, 200.0, 250.0, 0.1, 0.95, 3):
        assert f"[default: {default}]" in printed


def test_outside_a_command_an_argument_keeps_its_name() -> None:
    assert with_flags("`weight_clip`: found 0") == "`weight_clip`: found 0"
