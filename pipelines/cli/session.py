"""The context of a command: a readable terminal, a log of everything else, and one message for an error.

TensorFlow, TFX, Beam and their C++ code write to the process's standard streams. While the log is open those
streams lead into the log file; the command itself writes to copies of them made before.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType, TracebackType
from typing import TextIO

import typer
from rich.console import Console

from newsletter_bandit import private
from newsletter_bandit.errors import SettingsError
from pipelines.cli.explaining import find_user_error, was_interrupted
from pipelines.cli.flags import with_flags, with_options

_STDOUT, _STDERR = 1, 2
_WIDTH_OF_A_FILE = 120  # if the output is not a terminal, or does not say its width
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class Session:
    """Context of one command.

    Ctrl-C ends the process within `SECONDS_TO_STOP`, also where a library has caught the interrupt: whatever
    a command writes may be broken off at any moment.

    An error ends the process with one message on stderr: a `UserError` with its own exit code, an interrupt
    with 130, anything else with 1 and the name of the log, which holds its traceback.

    Attributes:
      out: the terminal's standard output, whatever the streams lead to.
      err: the terminal's standard error.
      log_path: file that `open_log` writes; it exists only if something was written.
      if_stopped: what an interrupt leaves behind, and how to go on; said after "Stopped.".
    """

    SECONDS_TO_STOP = 2.0

    def __init__(self, command: str, workdir: Path) -> None:
        now = dt.datetime.now(dt.UTC)
        self.log_path = workdir / "logs" / f"{command}-{now:%Y%m%dT%H%M%SZ}.log"
        self.if_stopped = ""
        self._log: TextIO | None = None
        self._made: list[Path] = []
        self._stopping: threading.Timer | None = None
        self._handles_interrupts = False

    def __enter__(self) -> Session:
        sys.stdout.flush()
        sys.stderr.flush()
        self._saved = {number: os.dup(number) for number in (_STDOUT, _STDERR)}
        self.out = _console(self._saved[_STDOUT])
        self.err = _console(self._saved[_STDERR])
        # Not where somebody else handles it, or a shell has switched it off for a job in the background.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._interrupt)
            self._handles_interrupts = True
        return self

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._stopping is None:
            self._stopping = threading.Timer(self.SECONDS_TO_STOP, self._stop)
            self._stopping.daemon = True
            self._stopping.start()
        signal.default_int_handler(number, frame)

    def _stop(self) -> None:
        self._say_stopped()
        self.err.file.flush()
        os._exit(INTERRUPTED)

    def open_log(self) -> None:
        """Sends the process's standard streams, and what C++ code writes to them, into the log.

        Raises:
          SettingsError: the work folder cannot be written.
        """
        self._open()
        assert self._log is not None
        sys.stdout.flush()
        sys.stderr.flush()
        for number in self._saved:
            os.dup2(self._log.fileno(), number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._stopping is not None:
            self._stopping.cancel()
        if self._handles_interrupts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout.flush()
        sys.stderr.flush()
        for number, saved in self._saved.items():
            os.dup2(saved, number)
        exit_code = self._explain(error) if error is not None else None
        self._close()
        self.out.file.close()
        self.err.file.close()
        if exit_code is not None:
            raise typer.Exit(exit_code) from error

    def _explain(self, error: BaseException) -> int | None:
        """Prints ``error`` for a person; returns the exit code, or None for an error that has its own."""
        if was_interrupted(error):
            self._say_stopped()
            return INTERRUPTED
        if not isinstance(error, Exception) or isinstance(error, typer.Exit):
            return None
        user_error = find_user_error(error)
        if user_error is not None:
            if self._log is not None and self.log_path.stat().st_size > 0:  # something had begun
                self._note(error)
            self._say(f"Error: {with_options(with_flags(str(user_error)))}")
            return user_error.exit_code
        first_line = (private.redacted(str(error)).splitlines() or [""])[0]
        try:
            self._open()
            self._note(error)
            where = f"is in {self.log_path}"
        except (OSError, SettingsError) as fault:
            where = f"cannot be written: {fault}"
        self._say(f"Unexpected error ({type(error).__name__}: {first_line}); the traceback {where}")
        return 1

    def _say_stopped(self) -> None:
        self._say(f"Stopped. {self.if_stopped}".rstrip())

    def _note(self, error: BaseException) -> None:
        assert self._log is not None
        self._log.write(private.redacted("".join(traceback.format_exception(error))))

    def _say(self, text: str) -> None:
        self.err.print(text, style="bold red", markup=False, highlight=False, soft_wrap=True)

    def _open(self) -> None:
        if self._log is not None:
            return
        folder = self.log_path.parent
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            private.make_private_folder(folder)
            self._log = private.open_private_log(self.log_path)
        except OSError as error:
            raise SettingsError(
                f"--workdir: {folder}: {error.strerror}; use a folder that can be written"
            ) from error
        self._made = missing

    def _close(self) -> None:
        if self._log is None:
            return
        self._log.close()
        if self.log_path.stat().st_size == 0:
            self.log_path.unlink()
            for folder in self._made:
                if any(folder.iterdir()):
                    break
                folder.rmdir()


def _console(descriptor: int) -> Console:
    stream = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")
    width = os.get_terminal_size(descriptor).columns if stream.isatty() else 0
    return Console(file=stream, width=width or _WIDTH_OF_A_FILE, highlight=False)
