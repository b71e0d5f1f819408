"""The session around each command: its log, and one message per error."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import typer

from newsletter_bandit.errors import DataError, SettingsError, UserError
from pipelines.cli.explaining import find_user_error
from pipelines.cli.session import Session


def test_noise_goes_into_the_log_and_not_to_the_terminal(tmp_path: Path) -> None:
    program = """
import os, subprocess, sys, warnings
from pathlib import Path
from pipelines.cli.session import Session

with Session("train", Path(sys.argv[1])) as session:
    print("before")
    session.open_log()
    print("from Python")
    os.write(2, b"from C++\\n")
    subprocess.run(["echo", "from a child"], check=True)
    warnings.warn("from a library")
    session.out.print("to the user")
    session.err.print("to the user, urgently")
print("afterwards")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "work")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "before\nto the user\nafterwards\n"
    assert done.stderr == "to the user, urgently\n"
    (log,) = (tmp_path / "work" / "logs").glob("train-*.log")
    text = log.read_text()
    for words in ("from Python", "from C++", "from a child", "from a library"):
        assert words in text


def test_an_empty_log_leaves_no_folders(tmp_path: Path) -> None:
    with Session("train", tmp_path / "a" / "work") as session:
        session.open_log()
        assert session.log_path.exists()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_log_leaves_what_was_there(tmp_path: Path) -> None:
    with Session("train", tmp_path) as session:
        session.open_log()
        (tmp_path / "model").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def wrapped(error: Exception) -> Exception:
    """The error of a step, wrapped by a runner."""
    try:
        try:
            raise error
        except UserError as cause:
            raise ValueError("a step failed") from cause
    except ValueError as outer:
        return outer


def of_a_worker(error: UserError) -> Exception:
    """The error of a worker process, which a runner passes on as the text of its traceback."""
    return RuntimeError("".join(traceback.format_exception(error)))


@pytest.mark.parametrize(
    ("error", "message", "exit_code"),
    [
        (SettingsError("a.yaml: agent: missing"), "a.yaml: agent: missing", 2),
        (DataError("row 3: no user_id"), "row 3: no user_id", 2),
        (UserError("the endpoint did not come up"), "the endpoint did not come up", 1),
        (wrapped(DataError("row 3: no user_id")), "row 3: no user_id", 2),
        (
            DataError("row [3]: no user_id [while running 'Read/Check'] [while running 'Read']"),
            "row [3]: no user_id",
            2,
        ),
        (of_a_worker(SettingsError("a.yaml: agent: missing")), "a.yaml: agent: missing", 2),
        (of_a_worker(DataError("row 3: no user_id [while running 'Read']")), "row 3: no user_id", 2),
        (of_a_worker(UserError("the endpoint did not come up")), "the endpoint did not come up", 1),
    ],
    ids=[
        "settings",
        "data",
        "other",
        "wrapped",
        "named by Beam",
        "settings as text of a worker",
        "data as text of a worker",
        "other as text of a worker",
    ],
)
def test_what_a_user_can_mend(
    error: Exception, message: str, exit_code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        with Session("train", tmp_path) as session:
            session.open_log()
            raise error

    with pytest.raises(typer.Exit) as end:
        command()
    assert end.value.exit_code == exit_code
    seen = capfd.readouterr()
    assert (seen.out, seen.err) == ("", f"Error: {message}\n")


def test_an_unexpected_error_is_told_in_full_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as end, Session("train", tmp_path) as session:
        raise ZeroDivisionError("division by zero\nand more")
    assert end.value.exit_code == 1
    seen = capfd.readouterr()
    expected = "Unexpected error (ZeroDivisionError: division by zero); the traceback is in "
    assert (seen.out, seen.err) == ("", f"{expected}{session.log_path}\n")
    assert "raise ZeroDivisionError" in session.log_path.read_text()


def test_an_interrupt(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end, Session("train", tmp_path):
        raise KeyboardInterrupt
    assert end.value.exit_code == 130
    assert capfd.readouterr().err == "Stopped.\n"

    session = Session("train", tmp_path)
    session.if_stopped = "Nothing has changed."
    with pytest.raises(typer.Exit), session:
        raise KeyboardInterrupt
    assert capfd.readouterr().err == "Stopped. Nothing has changed.\n"


def test_an_interrupt_of_a_step_is_one_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # As Beam hands it on.
    text = "Traceback (most recent call last):\n  x.py\nKeyboardInterrupt [while running 'Score']"
    for error in (RuntimeError(text), RuntimeError("KeyboardInterrupt")):
        with pytest.raises(typer.Exit) as end, Session("train", tmp_path):
            raise error
        assert end.value.exit_code == 130
        assert capfd.readouterr().err == "Stopped.\n"
    with pytest.raises(typer.Exit) as end, Session("train", tmp_path):
        raise RuntimeError("KeyboardInterrupt was never seen")
    assert end.value.exit_code == 1


def test_an_interrupt_that_a_library_catches_ends_the_command_all_the_same(tmp_path: Path) -> None:
    program = """
import signal, sys, time
from pathlib import Path
from pipelines.cli.session import Session

# A job in the background has it switched off.
signal.signal(signal.SIGINT, signal.default_int_handler)
Session.SECONDS_TO_STOP = 0.3
with Session("train", Path(sys.argv[1])) as session:
    session.open_log()
    session.if_stopped = "Nothing has changed."
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            session.out.print("ready")
            session.out.file.flush()
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "Stopped. Nothing has changed.\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; make room on the disk"),
        (
            IsADirectoryError(errno.EISDIR, "Is a directory", "a/CURRENT"),
            "a/CURRENT: Is a directory; move awa",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", b"a/b"),
            "a/b: Permission denied; give this acco",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "a"),
            "a: Read-only file system; use a place that can",
        ),
        (
            RuntimeError("...\nOSError: [Errno 28] No space left on device: '/a/b' [while running 'Write']"),
            "/a/b: No space left on device; make room on the disk",
        ),
    ],
)
def test_what_the_disk_says_no_to_is_one_sentence(
    error: Exception, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as end, Session("train", tmp_path):
        raise error
    assert end.value.exit_code == 2
    seen = capfd.readouterr().err
    assert seen.startswith(f"Error: {message}")
    assert seen.count("\n") == 1


def test_a_log_that_cannot_be_written_does_not_hide_the_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(typer.Exit) as end, Session("train", tmp_path / "file"):
        raise ZeroDivisionError("division by zero")
    assert end.value.exit_code == 1
    seen = capfd.readouterr().err
    assert seen.startswith(
        "Unexpected error (ZeroDivisionError: division by zero); the traceback cannot be wr"
    )


def test_a_wanted_end_is_not_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, Session("train", tmp_path):
        sys.exit(5)
    assert end.value.code == 5
    assert capfd.readouterr().err == ""


def test_no_user_error_is_found_where_there_is_none() -> None:
    assert find_user_error(ValueError("a DataError, but only by name")) is None
