"""A run shows how far it is while it goes on, and leaves nothing of that; a killed one is known as such."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter_bandit.errors import DataError
from pipelines.events import StepEvent
from pipelines.local import progress

ROOT = Path(__file__).parents[2]
STARTED = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)


def test_a_run_is_seen_while_it_goes_on(tmp_path: Path) -> None:
    told: list[StepEvent] = []
    assert progress.under_way(tmp_path) == []
    with progress.shown(tmp_path, "tiny-training", STARTED, told.append) as note:
        (found,) = progress.under_way(tmp_path)
        assert found == progress.Progress("tiny-training", STARTED, True, ())
        for event in (
            StepEvent("StatisticsGen", "running"),
            StepEvent("StatisticsGen", "finished", 3.0, "80,000 rows"),
            StepEvent("Trainer", "running"),
        ):
            note(event)
        (found,) = progress.under_way(tmp_path)
        assert found.alive
        stages = [(stage.step, stage.state, stage.detail) for stage in found.stages]
        assert stages == [("StatisticsGen", "finished", "80,000 rows"), ("Trainer", "running", "")]
        assert dt.datetime.now(dt.UTC) - found.stages[1].since < dt.timedelta(minutes=5)
    assert [event.state for event in told] == ["running", "finished", "running"]
    assert progress.under_way(tmp_path) == []
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_was_killed_is_known_until_the_next(tmp_path: Path) -> None:
    code = (
        "import datetime as dt, sys, time\n"
        "from pathlib import Path\n"
        "from pipelines.events import StepEvent\n"
        "from pipelines.local import progress\n"
        "started = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)\n"
        "with progress.shown(Path(sys.argv[1]), 'tiny-training', started, print) as note:\n"
        "    note(StepEvent('Trainer', 'running'))\n"
        "    sys.stdout.flush()\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (found,) = progress.under_way(tmp_path)
        assert found.alive
        process.send_signal(signal.SIGKILL)
        process.wait()
    (found,) = progress.under_way(tmp_path)
    assert (found.alive, [stage.step for stage in found.stages]) == (False, ["Trainer"])
    (left,) = (tmp_path / "runs").iterdir()
    with left.open("a") as file:
        file.write('{"step": "Eval')  # not written to its end
    assert progress.under_way(tmp_path) == [found]
    with progress.shown(tmp_path, "tiny-prediction", STARTED, print):
        assert len(progress.under_way(tmp_path)) == 2
    with progress.shown(tmp_path, "tiny-training", STARTED + dt.timedelta(days=7), print):
        assert [run.alive for run in progress.under_way(tmp_path)] == [True]
    assert progress.under_way(tmp_path) == []


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "tiny-training-20261123T080000.000000Z.running"
    path.parent.mkdir()
    path.write_text('{"step": "Trainer", "state": "running", "at": "noon", "detail": ""}\n')
    with pytest.raises(DataError, match=r"\.running: at is 'noon'; allowed: a time"):
        progress.under_way(tmp_path)
