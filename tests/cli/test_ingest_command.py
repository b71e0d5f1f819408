"""`newsletter-bandit ingest` as a user meets it: what is said, and how it ends."""

from __future__ import annotations

from pathlib import Path

import duckdb
import yaml

from tests.cli.conftest import Command, Done
from tests.raw_rows import make_typed_use_case, write_csv


def ingest(command: Command, folder: Path, file: Path, table: str = "training") -> Done:
    settings = folder / "tiny.yaml"
    use_case = make_typed_use_case(ingest={"max_rejected_share": 0.001})
    settings.write_text(yaml.safe_dump(use_case.model_dump(mode="json")))
    return command("ingest", table, file, "--use-case", settings, "--workdir", folder / "work")


def test_refusing_most_rows_ends_with_2_and_loads_nothing(tmp_path: Path, command: Command) -> None:
    file = write_csv(tmp_path / "log.csv", *[{"clicked": "false" if n % 4 else "clicked"} for n in range(80)])
    done = ingest(command, tmp_path, file)
    assert (done.returncode, done.stdout) == (2, "")
    first, second, third, fourth = done.stderr.splitlines()
    rejects = tmp_path / "work" / "rejects" / "tiny-training.jsonl"
    assert first == (
        "Error: tiny.training: 20 of 80 rows are refused, a share of 0.25; allowed: a share of 0.001 "
        "(ingest.max_rejected_share of the use case); the table stays as it was; the refused rows are in "
        f"{rejects}"
    )
    assert second.strip().startswith(
        f"clicked: neither true nor false: 20 rows, first {file} row 1: found 'clicked'; allowed:"
    )
    assert third.strip() == "all have clicked = 'clicked' (none of the kept rows has)"
    assert fourth.strip() == (
        "to load them, say what such values stand for under ingest.value_names of the use case, as in "
        'clicked: {"clicked": true}'
    )
    with duckdb.connect(str(tmp_path / "work" / "warehouse.duckdb")) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


def test_a_broken_line_is_not_shown(tmp_path: Path, command: Command) -> None:
    file = write_csv(tmp_path / "log.csv", {}, {})
    file.write_text(file.read_text() + "ada@example.org," * 200_000 + "\n")
    done = ingest(command, tmp_path, file)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {file}: cannot be read: line 4: found 14 cells; allowed: 13")
    everything = [done.stdout, done.stderr, *(log.read_text() for log in tmp_path.glob("work/logs/*"))]
    assert not any("ada@" in text for text in everything)
    assert len(done.stderr) < len(str(file)) + 200


def test_one_file_fills_both_tables(tmp_path: Path, command: Command) -> None:
    done = ingest(command, tmp_path, write_csv(tmp_path / "log.csv", {}, {}), "both")
    assert done.returncode == 0
    loaded = [line for line in done.stdout.splitlines() if line.startswith("2 of 2 rows loaded into")]
    assert loaded == [f"2 of 2 rows loaded into tiny.{table}." for table in ("training", "inference")]
