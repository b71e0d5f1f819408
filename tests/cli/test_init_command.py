"""`newsletter-bandit init` as a stranger meets it: by options, in a terminal, and what it refuses."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from components.example_validator.implied_schema import schema_text
from newsletter_bandit.settings.reading import load_use_case
from tests.cli.conftest import Command, Done
from tests.messy_log import write_messy_log

PROGRAM = [sys.executable, "-m", "pipelines.cli.main", "init"]
ROOT = Path(__file__).parents[2]
SPLIT = ["--split", "40/30/10/10/10"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_messy_log(tmp_path_factory.mktemp("log") / "Versand 2026.csv", sends=4_000)


def init(command: Command, folder: Path, *arguments: str | Path) -> Done:
    return command("init", *arguments, "--to", folder, "--workdir", folder / "work")


def answered(folder: Path, log: Path, *answers: str) -> tuple[int, str]:
    """Exit code and output in a terminal where somebody types the answers, one after each question."""
    ours, theirs = pty.openpty()
    command = [*PROGRAM, str(log), "--to", str(folder), "--workdir", str(folder / "work")]
    process = subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    # The terminal keeps what is typed ahead.
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    shown = b""
    while True:
        try:
            read = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        shown += read
    os.close(ours)
    return process.wait(), " ".join(shown.decode().split())


def test_options_and_answers_write_the_same_files_and_again_without_harm(
    log: Path, tmp_path: Path, command: Command
) -> None:
    by_option, by_answer = tmp_path / "option", tmp_path / "answer"
    done = init(command, by_option, log, *SPLIT, "--time-zone", "Europe/Zurich", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4,000 of 4,000 rows can be loaded" in done.stdout
    written = by_option / "versand-2026.yaml"
    use_case = load_use_case(written)
    assert (by_option / "schemas" / "versand-2026.pbtxt").read_text() == schema_text(use_case)
    assert f"newsletter-bandit ingest both '{log}' --use-case {written} --workdir" in done.stdout
    assert not (by_option / "work").exists()

    wrong_first = ["Kunde", "", "", "", "", "", ""]
    code, shown = answered(
        by_answer, log, *wrong_first, "1", "30/40/10/10/10", "", *SPLIT[1:], "Europe/Zurich", "", ""
    )
    assert code == 0, shown
    assert "--user: " in shown
    assert "But the log does not fit these shares (Editor's picks: 30.0% said" in shown
    assert (by_answer / "versand-2026.yaml").read_text() == written.read_text()

    again = init(command, by_option, log, *SPLIT, "--time-zone", "Europe/Zurich", "--yes")
    assert again.returncode == 0
    other = init(command, by_option, log, *SPLIT, "--yes")
    assert other.returncode == 2
    assert "versand-2026.yaml: is there already, with another content; nothing was written" in other.stderr
    assert "use another --name, or --overwrite" in other.stderr
    assert load_use_case(written) == use_case


def test_nobody_knows_how_it_was_chosen(log: Path, tmp_path: Path, command: Command) -> None:
    code, shown = answered(tmp_path, log, "", "", "Betreff", "", "", "", "5")
    assert code == 2
    assert "--action Betreff --reward Klicks --estimate-propensities" in shown
    done = init(command, tmp_path, log, "--unknown-choice", "--yes")
    assert done.returncode == 2
    assert "What it cannot tell: what the others would have clicked." in done.stderr
    assert "--action Variante --reward Klicks --estimate-propensities --context Stufe" in done.stderr
    made, judged = [shlex.split(line) for line in done.stderr.splitlines()[-2:]]
    subprocess.run([sys.executable, *made[1:]], cwd=tmp_path, check=True)
    policy = tmp_path / judged[2]
    evaluated = command("evaluate", policy, *judged[3:])
    assert evaluated.returncode == 0, evaluated.stderr
    assert "propensities ESTIMATED" in evaluated.stdout
    silent = init(command, tmp_path, log, "--yes")
    assert silent.returncode == 2
    assert "how the recommender was chosen is missing" in silent.stderr
    assert "use --split with the share of each recommender" in silent.stderr
    assert list(tmp_path.rglob("*.yaml")) == []


def test_columns_that_decided_are_named_and_every_word_says_estimated(
    log: Path, tmp_path: Path, command: Command
) -> None:
    by_option, by_answer = tmp_path / "option", tmp_path / "answer"
    done = init(command, by_option, log, "--estimate-by", "Stufe", "--estimate-by", "App", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    shown = " ".join(done.stdout.split())
    assert "Chosen by Stufe, App, with probabilities that are ESTIMATED. Every figure says so" in shown
    assert "rows are ESTIMATED by Stufe, App: shares among" in shown
    code, asked = answered(by_answer, log, *[""] * 6, "4", "Stufe; App", "", "", "", "y")
    assert code == 0, asked
    written = by_option / "versand-2026.yaml"
    assert (by_answer / "versand-2026.yaml").read_text() == written.read_text()
    assert load_use_case(written).ingest.estimated_by == ("Stufe", "App")


def test_the_name_is_explained_and_the_keys_are_described(
    log: Path, tmp_path: Path, command: Command
) -> None:
    done = init(command, tmp_path, log, *SPLIT, "--name", "versand_punkt", "--yes")
    assert "The use case is called versand-punkt, after versand_punkt: a name has small letters" in " ".join(
        done.stdout.split()
    )
    first, *_ = (tmp_path / "versand-punkt.yaml").read_text().splitlines()
    described = tmp_path / first.removeprefix("# yaml-language-server: $schema=")
    assert described.read_text() == (ROOT / "configs" / "json_schema" / "use_case.json").read_text()
    # One of an earlier version gives way; it is nobody's work.
    described.write_text("{}")
    assert init(command, tmp_path, log, *SPLIT, "--name", "versand_punkt", "--yes").returncode == 0
    assert described.read_text() != "{}"


def test_a_misfit_that_is_insisted_on_is_said_and_so_is_the_zone(
    log: Path, tmp_path: Path, command: Command
) -> None:
    done = init(command, tmp_path, log, "--split", "equal", "--despite-misfit", "--yes")
    shown = " ".join(done.stdout.split())
    assert "fit the log:" not in shown
    assert "But the log does not fit these shares (Editor's picks: 20.0% said" in shown
    assert "usually of Europe/Zurich or Europe/Berlin, 1 to 2 hours off; --time-zone sets it" in shown


def test_a_day_that_does_not_exist_is_told_from_one_that_is_written_otherwise(
    log: Path, tmp_path: Path, command: Command
) -> None:
    for day, words in (("2026-02-30", "a day that does not exist"), ("18.11.2026", "a day YYYY-MM-DD")):
        done = init(command, tmp_path, log, "--time", "-", "--sent-on", day, "--yes")
        assert done.returncode == 2
        assert f"found '{day}'" in done.stderr
        assert words in done.stderr


def test_without_a_terminal_nobody_is_asked(log: Path, tmp_path: Path, command: Command) -> None:
    done = init(command, tmp_path, log)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no terminal is there to ask; use --yes" in done.stderr


def test_rows_that_cannot_be_used_are_counted_and_bounded(tmp_path: Path, command: Command) -> None:
    lines = write_messy_log(tmp_path / "log.csv", sends=1_000).read_text(encoding="utf-8-sig").splitlines()
    cells = [line.split(";") for line in lines]

    def spoilt(every: int) -> Path:
        path = tmp_path / f"every-{every}.csv"
        rows = [[*row[:5], "", *row[6:]] if number % every == 1 else row for number, row in enumerate(cells)]
        path.write_text("\n".join(map(";".join, rows)) + "\n")
        return path

    few = init(command, tmp_path, spoilt(50), *SPLIT, "--yes")
    assert few.returncode == 0, few.stderr
    assert "980 of 1,000 rows can be loaded" in few.stdout
    assert "left out: clicked: empty (column Klicks of the file): 20 rows" in " ".join(few.stdout.split())
    assert load_use_case(tmp_path / "every-50.yaml").ingest.max_rejected_share == 0.02
    many = init(command, tmp_path, spoilt(10), *SPLIT, "--yes")
    assert many.returncode == 2
    assert "10.0% of the rows cannot be used" in many.stderr
    assert "raise --max-rejected-share" in many.stderr
    assert not (tmp_path / "every-10.yaml").exists()


def test_names_are_shown_as_they_are(tmp_path: Path, command: Command) -> None:
    log = tmp_path / "log.csv"
    cells = [f"k{n},2026-11-18 08:00Z,{('[/b]', 'b')[n % 2]},{n % 2},{n}.5" for n in range(60)]
    log.write_text("\n".join(["user,sent,variant,clicked,spend [EUR]", *cells]) + "\n")
    done = init(command, tmp_path, log, "--split", "equal", "--yes")
    assert done.returncode == 0, done.stderr
    assert " [/b] " in done.stdout
    assert " spend [EUR] " in done.stdout
