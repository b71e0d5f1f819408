"""The schedule of one machine: units that systemd takes, and lines that cron runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.window import Window
from newsletter_bandit.warehouse.tables.build import create_raw
from pipelines.cloud.cron import Cron
from pipelines.local import schedule
from pipelines.local.crontab import crontab
from pipelines.local.schedule import Job, Weeks, has_raw_tables, jobs, lock_file
from pipelines.local.systemd import units
from pipelines.names import Pipeline
from pipelines.workspace import Workspace
from tests.local_files import warehouse_file

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / "configs" / "environments" / "local.yaml"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """In a folder whose name a shell, cron and systemd would each read otherwise."""
    path = ROOT / "configs" / "newsletter.yaml"
    use_case = load_use_case(path)
    workdir = tmp_path / "it's 100% $HOME"
    workdir.mkdir()
    return Workspace(use_case, path, load_environment(ENVIRONMENT).in_workdir(workdir, use_case), workdir)


def planned(workspace: Workspace, **changes: bool) -> list[Job]:
    return jobs(workspace, ENVIRONMENT, list(Pipeline), **changes)


def cron_lines(text: str) -> list[tuple[str, str]]:
    """Start and command of each line, as cron reads it."""
    found = []
    for line in text.splitlines():
        if line.startswith("#") or re.fullmatch(r"\w+=.*", line):
            continue
        assert len(line) < 999
        *fields, command = line.split(" ", 5)
        assert not re.search(r"(?<!\\)%", command), "an unescaped % ends the command"
        found.append((" ".join(fields), command.replace(r"\%", "%")))
    return found


def run(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as cron does, with little in its environment."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", **variables}
    return subprocess.run(
        ["/bin/sh", "-c", command], env=environment, cwd="/", capture_output=True, text=True, check=False
    )


def test_systemd_takes_the_units(workspace: Workspace, tmp_path: Path) -> None:
    made = units(planned(workspace, build_table=True), "newsletter", "root", lock_file(workspace))
    assert len(made) == 6
    train = made["newsletter-bandit-newsletter-train.service"]
    assert "SuccessExitStatus=3\n" in train
    assert "OnCalendar=Thu *-*-* 03:00:00 UTC\n" in made["newsletter-bandit-newsletter-train.timer"]
    for job in planned(workspace, build_table=True):
        unit = made[f"newsletter-bandit-newsletter-{job.name}.service"]
        (start,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
        words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(start)]
        assert words == ["/usr/bin/flock", *job.lock_options, str(lock_file(workspace)), *job.command]
        assert ("--build-table" in words) == (job.name != "status")
        assert str(workspace.workdir) in words
    if shutil.which("systemd-analyze") is None:
        missing = "systemd-analyze is not there: Debian's package systemd has it"
        # In CI a missing tool is a failure, not a reason to skip.
        pytest.fail(missing) if os.environ.get("REQUIRE_SYSTEMD") == "1" else pytest.skip(missing)
    for name, content in made.items():
        (tmp_path / name).write_text(content)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / name for name in made)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "newsletter-bandit" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_the_lines_of_a_crontab_run_and_print_what_has_to_be_read(workspace: Workspace) -> None:
    train, predict, status = cron_lines(crontab(planned(workspace), lock_file(workspace)))
    assert [start for start, _ in (train, predict, status)] == ["0 3 * * 4", "0 5 * * *", "0 7 * * *"]
    for start, _ in (train, predict, status):
        Cron.parse(start)
    # Nothing is in production yet: a failure, which cron is told of.
    done = run(predict[1])
    assert "nothing is in production" in " ".join(done.stdout.split())
    kept = (workspace.workdir / "schedule-predict.txt").read_text()
    assert done.stdout == kept
    done = run(status[1])
    assert done.stdout.startswith(
        "newsletter: critical: users, model, rankings; warning: newsletters, trainings\n"
    )
    # A job that hangs is told of too.
    with subprocess.Popen(["flock", str(lock_file(workspace)), "cat"], stdin=subprocess.PIPE) as hangs:
        (*_, check) = planned(workspace)
        impatient = dataclasses.replace(check, wait_minutes=0)
        ((_, command),) = cron_lines(crontab([impatient], lock_file(workspace)))
        while "not done, as a job has held" not in run(command).stdout:
            assert hangs.poll() is None
        assert hangs.stdin is not None
        hangs.stdin.close()


@pytest.mark.parametrize(("code", "shown"), [(0, False), (3, False), (1, True), (2, True), (130, True)])
def test_only_a_training_that_failed_is_a_mail(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, shown: bool
) -> None:
    program = tmp_path / "newsletter-bandit"
    program.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setattr(schedule, "program", lambda: (str(program),))
    weekly = workspace.use_case.model_copy(update={"window": Window(weeks=1, overlap_weeks=0)})
    (job, *_) = planned(dataclasses.replace(workspace, use_case=weekly))
    ((_, command),) = cron_lines(crontab([job], lock_file(workspace)))
    assert not command.startswith("if ")  # a new window in every week
    done = run(command)
    assert done.stdout == (f"{' '.join(job.command[1:])}\n" if shown else "")


@pytest.mark.parametrize(("weeks", "overlap", "late"), [(4, 1, 0), (4, 1, 6), (4, 0, 0), (2, 0, 3)])
def test_one_weekly_start_finds_each_window_once(
    workspace: Workspace, weeks: int, overlap: int, late: int
) -> None:
    window = Window(weeks=weeks, overlap_weeks=overlap, anchor=dt.date(2026, 1, 7))
    use_case = workspace.use_case.model_copy(update={"window": window})
    cycle = Weeks.of_windows(dataclasses.replace(workspace, use_case=use_case))
    day = dt.date(2026, 6, 1)
    starts = [day + dt.timedelta(days=n) for n in range(400)]
    starts = [one + dt.timedelta(days=late) for one in starts if one.weekday() == cycle.weekday]
    days = " ".join(str((one - dt.date(1970, 1, 1)).days) for one in starts)
    # A shell's own clock, at three o'clock of each start.
    script = (
        'date() { [ "$*" = "-u +%s" ] && echo $(( day * 86400 + 10800 )); }\n'
        f"for day in {days}; do if {cycle.condition}; then echo $day; fi; done"
    )
    ran = [dt.date(1970, 1, 1) + dt.timedelta(days=int(line)) for line in run(script).stdout.split()]
    windows = [window.latest(one, use_case.attribution_days) for one in ran]
    step = dt.timedelta(weeks=weeks - overlap)
    assert len(ran) > 400 // step.days - 2
    assert all(later[0] - earlier[0] == step for earlier, later in itertools.pairwise(windows))
    assert all(
        (one - end).days == use_case.attribution_days + late
        for one, (_, end) in zip(ran, windows, strict=True)
    )


def test_runs_build_their_tables_where_there_are_raw_ones(workspace: Workspace) -> None:
    assert not has_raw_tables(workspace)
    named = workspace.use_case.model_validate({**workspace.use_case.model_dump(exclude={"raw"}), "raw": {}})
    assert has_raw_tables(dataclasses.replace(workspace, use_case=named))
    create_raw(workspace.environment.warehouse, workspace.use_case)
    assert has_raw_tables(workspace)
    assert "--build-table" in planned(workspace)[0].command
    with duckdb.connect(warehouse_file(workspace.environment)) as connection:
        connection.execute("DROP TABLE raw.sends")
    assert "--build-table" not in planned(workspace)[0].command


def test_paths_that_no_line_can_hold_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"--workdir: found '.*two\\nlines'; allowed: printable characters"
    ):
        planned(dataclasses.replace(workspace, workdir=tmp_path / "two\nlines"))
    long = dataclasses.replace(workspace, workdir=tmp_path / ("x" * 250) / ("y" * 250))
    with pytest.raises(SettingsError, match=r"the line of train has \d+ characters; allowed: 998"):
        crontab(planned(long), lock_file(long))
