"""`newsletter-bandit schedule` on one machine, as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

LOCAL = ("schedule", "--environment", "configs/environments/local.yaml")


def test_it_prints_units_and_lines_with_the_chosen_times_and_installs_nothing(
    command: Command, tmp_path: Path
) -> None:
    options = ["--workdir", tmp_path / "work", "--train-at", "01:30", "--no-build-table"]
    both = command(*LOCAL, *options).stdout
    assert "# /etc/systemd/system/newsletter-bandit-newsletter-train.timer\n[Unit]\n" in both
    assert "OnCalendar=Thu *-*-* 01:30:00 UTC\n" in both
    units, lines = (command(*LOCAL, *options, choice).stdout for choice in ("--systemd", "--crontab"))
    assert units + lines == both
    assert "\n30 1 * * 4 if test " in lines
    assert not (tmp_path / "work").exists()
    one = command(*LOCAL, *options, "prediction", "--systemd", "--output", tmp_path / "units")
    assert [Path(line).name for line in one.stdout.splitlines()] == [
        f"newsletter-bandit-newsletter-{job}.{kind}"
        for job in ("predict", "status")
        for kind in ("service", "timer")
    ]
    assert "\nUser=" in (tmp_path / "units" / "newsletter-bandit-newsletter-predict.service").read_text()


@pytest.mark.parametrize("option", [["--crontab"], ["--train-at", "01:30"], ["--no-build-table"]])
def test_options_for_one_machine_are_refused_for_google_cloud(
    option: list[str], command: Command, tmp_path: Path
) -> None:
    done = command("schedule", *option, "--workdir", tmp_path / "work")
    assert done.returncode == 2
    assert "found with the environment vertex, whose schedules run on Vertex AI" in done.stderr
