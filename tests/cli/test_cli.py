"""The command line as a user meets it: quick help, exit codes, and nothing left behind by a refusal."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from newsletter_bandit.registry import Registry
from pipelines.cli.main import app
from tests.cli.conftest import Command
from tests.evidence_records import decision, metrics, published, verdict
from tests.registry.made_candidates import FIRST, SECOND, candidate, model_in

ROOT = Path(__file__).parents[2]
COMMANDS = [
    [],
    ["demo"],
    ["simulate"],
    ["init"],
    ["ingest"],
    ["schema"],
    ["train"],
    ["tune"],
    ["evaluate"],
    ["predict"],
    ["status"],
    ["serve"],
    ["build-tables"],
    ["compile"],
    ["submit"],
    ["schedule"],
    ["deploy-function"],
    ["models"],
    ["models", "list"],
    ["models", "show"],
    ["models", "card"],
    ["models", "approve"],
    ["models", "reject"],
    ["models", "rollback"],
    ["models", "pin"],
    ["models", "unpin"],
    ["arms"],
    ["arms", "add"],
    ["arms", "retire"],
    ["arms", "rename"],
]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own, from the repository's root."""
    command = [sys.executable, "-m", "pipelines.cli.main", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_of_every_command_imports_nothing_slow() -> None:
    program = f"""
import sys, typer
from pipelines.cli.main import app
command = typer.main.get_command(app)
for words in {COMMANDS!r}:
    command.main([*words, "--help"], prog_name="newsletter-bandit", standalone_mode=False)
slow = {{"tensorflow", "tfx", "apache_beam", "duckdb", "pyarrow", "numpy", "pandas"}} & set(sys.modules)
assert not slow, slow
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: newsletter-bandit") == len(COMMANDS)


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("newsletter-bandit"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "models" in done.stdout


@pytest.mark.parametrize("name", ["demo", "simulate", "schema", "train", "tune", "predict", "serve"])
def test_refused_settings_create_nothing(name: str, tmp_path: Path, command: Command) -> None:
    settings = tmp_path / "use_case.yaml"
    text = (ROOT / "configs" / "newsletter.yaml").read_text()
    settings.write_text(text.replace("epsilon: 0.02", "epsilon: 1.1"))
    workdir = tmp_path / "work"
    done = command(name, "--use-case", settings, "--workdir", workdir)
    assert done.returncode == 2
    assert f"{settings}: exploration.epsilon" in done.stderr
    assert "found 1.1; allowed: a number, at least 0 and at most 1" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--use-case", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
        (
            ["train", "--environment", "nowhere.yaml"],
            "nowhere.yaml: cannot be read: No such file or directory",
        ),
        (["train", "--run-date", "2026-01-20"], "allowed: 2026-02-05 or later"),
        (["train", "--run-date", "yesterday"], "--run-date"),
        (["train", "--fast"], "No such option: --fast"),
        (["train", "--json", "nowhere/found.json"], "--json: nowhere: no such folder"),
        (["predict", "--json", "nowhere/found.json"], "--json: nowhere: no such folder"),
        (["serve", "--port", "99999"], "--port"),
        (["serve"], "rankings-newsletter.sqlite"),
        (["ingest", "raw", "file.csv"], "'training', 'inference'"),
        (["ingest", "training"], "no file to ingest"),
        (["ingest", "training", "nowhere.csv"], "nowhere.csv"),
        (["simulate", "--newsletters", "0"], "--newsletters"),
        (
            ["simulate", "--weeks", "1", "--agent", "lin_ucb", "--agent", "lin_ucb"],
            "Error: --agent: lin_ucb named twice",
        ),
        (["models", "rollback"], "VERSION"),
        (["models", "rollback", "20260101T000000Z-00000000"], "no version 20260101T000000Z-00000000"),
        (["models", "unpin"], "nothing is in production"),
        (["predict"], "nothing is in production"),
        (
            ["status", "--environment", "configs/environments/vertex.yaml"],
            "no credentials were found; run `gcloud auth application-default login`",
        ),
        (["compile", "tuning"], "'training', 'prediction'"),
        (["compile", "training", "--environment", "configs/environments/local.yaml"], "vertex: missing"),
        (["submit", "prediction"], "no credentials were found; run `gcloud auth application-default login`"),
        (["schedule"], "no credentials were found; run `gcloud auth application-default login`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refusals(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    # Whoever runs the tests may be logged in.
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    done = command(*arguments, "--workdir", tmp_path / "work")
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr + done.stdout
    assert "Serving" not in done.stdout  # before anybody could ask
    assert not (tmp_path / "work").exists()


def test_the_demonstration_empties_no_folder_but_its_own(tmp_path: Path, command: Command) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = command("demo", "--workdir", tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}: holds files that the demo did not make" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_workdir_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("train", "--workdir", tmp_path / "file")
    assert done.returncode == 2
    assert f"--workdir: {tmp_path / 'file'}" in done.stderr
    assert "use a folder that can be written" in done.stderr


def test_commands_find_the_settings_that_come_with_them_outside_of_a_checkout(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.cli.main", "models", "list"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def done(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert "Nothing is published yet" in done().stdout
    assert "Nothing is published yet" in done("--use-case", "configs/hillstrom.yaml").stdout
    assert "configs/mine.yaml: cannot be read" in done("--use-case", "configs/mine.yaml").stderr
    # A folder of one's own comes first.
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "newsletter.yaml").write_text("name: 1\n")
    assert "configs/newsletter.yaml: name: found 1" in done().stderr


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"newsletter-bandit {metadata.version('newsletter-bandit')}\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("newsletter-bandit sta", ["status"]),
        ("newsletter-bandit models r", ["reject", "rollback"]),
        ("newsletter-bandit train --use", ["--use-case"]),
        ("newsletter-bandit schedule pre", ["prediction"]),
    ],
)
def test_a_shell_completes_commands_options_and_choices(words: str, offered: list[str]) -> None:
    asked = {
        "_NEWSLETTER_BANDIT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("newsletter-bandit")],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == offered


def test_help_has_a_short_flag_everywhere() -> None:
    for words in ([], ["train"], ["models", "rollback"]):
        assert CliRunner().invoke(app, [*words, "-h"]).stdout.startswith("Usage: ")


def test_an_interrupt_before_a_session_is_open_ends_with_130() -> None:
    program = """
from pipelines.cli import main, options
def interrupted():
    raise KeyboardInterrupt
main.app.registered_commands[0].callback, main.app.registered_commands[0].name = interrupted, "demo"
main.main()
"""
    command = [sys.executable, "-c", program, "demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr


def test_versions_go_by_the_beginning_of_their_name_or_as_the_previous_one(tmp_path: Path) -> None:
    registry = Registry(str(tmp_path / "registry"), "newsletter")
    names = ["20261123T101500Z-1a2b3c4d", "20261130T101500Z-0a2b3c4d", "20261207T101500Z-2a2b3c4d"]
    for name in names:
        model = tmp_path / name
        model.mkdir()
        (model / "saved_model.pb").write_text(name)
        registry.publish(name, str(model), published(metrics(), verdict(), decision()))
        registry.set_current(name)
    listed = json.loads(run("models", "list", "--json", "--workdir", tmp_path).stdout)
    assert [(each["version"], each["in_production"], each["verdict"]) for each in listed] == [
        (name, name == names[2], verdict().verdict) for name in names
    ]
    shown = run("models", "show", "20261130", "--workdir", tmp_path).stdout
    assert names[1] in shown
    assert "The gate" in shown
    one = json.loads(run("models", "show", "20261130", "--json", "--workdir", tmp_path).stdout)
    assert {key: one[key] for key in listed[1]} == listed[1]
    assert len(one["checks"]) == len(verdict().checks)
    rollback = ["models", "rollback", "--workdir", str(tmp_path)]
    assert f"In production now: {names[0]}." in run(*rollback, "20261123").stdout
    several = run(*rollback, "2026")
    assert several.returncode == 2
    more = "give more characters of the one that is meant"
    assert f"2026 begins 3 versions: {', '.join(names)}; {more}" in several.stderr
    assert f"no version 2025; available: {names[0]}" in run(*rollback, "2025").stderr
    registry.set_current(names[2])
    told = run(*rollback, "--previous").stdout
    assert f"In production now: {names[1]}. It is pinned" in told
    assert f"`newsletter-bandit models unpin --workdir {tmp_path}`" in told
    assert f"run `newsletter-bandit predict --workdir {tmp_path}` now." in told
    assert "VERSION, --previous: use one of them" in run(*rollback).stderr
    assert run(*rollback, names[0], "--previous").returncode == 2


def test_a_version_is_approved_or_rejected_with_a_note(tmp_path: Path) -> None:
    registry = Registry(str(tmp_path / "registry"), "newsletter")
    model = model_in(tmp_path / "model")
    for version in (FIRST, SECOND):
        candidate(registry, model, version, None)
    work = ["--workdir", str(tmp_path)]
    told = run("models", "list", *work).stdout
    assert told.count("waits for sign-off, blessed,") == 2
    assert "Missing option '--note'" in run("models", "approve", "20261123", *work).stderr
    rejected = run("models", "reject", "20261123", "--note", "too many deals", *work).stdout
    assert rejected.startswith(f"{FIRST} is rejected by {getpass.getuser()} on ")
    assert f". In production stays: nothing. `newsletter-bandit report {FIRST} --workdir" in rejected
    refused = run("models", "approve", "20261123", "--note", "ok", "--by", "ada", *work)
    assert (refused.returncode, f"{FIRST}: was rejected by" in refused.stderr) == (2, True)
    approve = ["models", "approve", "20261130", "--note", "ok", "--by", "ada", *work]
    told = run(*approve).stdout
    assert told.startswith(f"{SECOND} is approved by ada on ")
    assert (
        "In production now. Stored rankings stay those of the model before: run `newsletter-bandit pr" in told
    )
    assert f"`newsletter-bandit predict {' '.join(work)}` now." in told
    assert registry.current() == SECOND
    assert run(*approve).stdout.startswith(f"ada has approved {SECOND} already, on ")
    one = json.loads(run("models", "show", "20261130", "--json", *work).stdout)
    assert (one["standing"], [answer["by"] for answer in one["sign_offs"]]) == ("production", ["ada"])
    shown = " ".join(run("models", "show", "20261123", *work).stdout.split())
    assert f"rejected by {getpass.getuser()} on " in shown
    assert "Sign-off answer by when note" in shown
    assert "--note: found ''; allowed" in run("models", "reject", "20261123", "--note", "", *work).stderr


def test_nothing_is_published_yet(tmp_path: Path) -> None:
    assert json.loads(run("models", "list", "--json", "--workdir", tmp_path / "work").stdout) == []
    done = run("models", "list", "--workdir", tmp_path / "work")
    assert done.returncode == 0
    work = tmp_path / "work"
    assert done.stdout == (
        f"Nothing is published yet for newsletter in {work / 'registry'}; `newsletter-bandit train --workdir "
        f"{work}` trains a first model.\n"
    )
    assert not (tmp_path / "work").exists()
