"""The work of the commands as Python functions, for notebooks and scripts.

    from pipelines import api

    workspace = api.open_workspace(Path("configs/newsletter.yaml"), Path("work"))
    api.ingest(workspace, "training", [Path("log.csv")])
    outcome = api.train(workspace, dt.date(2026, 11, 23))
    print(outcome.verdict.words, outcome.report)

A function does what the command of its name does, with the same checks, and gives the outcome as an object.
It prints nothing, unless it is given a console; then it prints what the command prints. What the libraries
print goes into `logs/` of the work folder.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from newsletter_bandit import private
from newsletter_bandit.settings.run_day import run_day
from pipelines.cli.explaining import find_user_error
from pipelines.cli.init_options import CONFIGS, InitOptions
from pipelines.cli.options import ENVIRONMENT, USE_CASE, WORKDIR, workspace_of
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from newsletter_bandit.simulation.world import World
    from newsletter_bandit.warehouse.ingest import IngestReport, Table
    from pipelines.local.running import PredictionOutcome, TrainingOutcome

_STDOUT, _STDERR = 1, 2


def open_workspace(
    use_case: Path = USE_CASE, workdir: Path = WORKDIR, environment: Path = ENVIRONMENT
) -> Workspace:
    """A use case, where it runs, and the folder of everything that a run writes.

    Args:
      use_case: settings file; where a path below `configs/` is not there, the one of the program's own.
      workdir: work folder, made when it is needed.
      environment: settings file, likewise.

    Raises:
      SettingsError: a file is missing, or holds what is not allowed.
    """
    return workspace_of(use_case, environment, workdir)


def plain_console(width: int = 100) -> Console:
    """A console that prints plain text, ``width`` characters wide, into the cell of a notebook or where
    print prints.
    """
    return Console(file=sys.stdout, width=width, color_system=None, force_terminal=False, force_jupyter=False)


def init(
    files: Sequence[Path],
    folder: Path = CONFIGS,
    workdir: Path = WORKDIR,
    out: Console | None = None,
    **answers: Any,
) -> Path:
    """Makes a use case of a log: the command `init` with `--yes`.

    Args:
      files: CSV or Parquet, one row per newsletter that was sent.
      folder: where the use case and its schema are written.
      workdir: work folder, for the commands that are printed.
      out: where to print what was found; None is nowhere.
      **answers: fields of `pipelines.cli.init_options.InitOptions`, such as ``split="60/40"`` or
        ``time_zone="Europe/Zurich"``.

    Returns:
      The use case's settings file.

    Raises:
      SettingsError: an answer is missing or not allowed.
      DataError: the files cannot be used.
    """
    from pipelines.cli.init import make

    options = InitOptions(files=list(files), folder=folder, workdir=workdir, yes=True, **answers)
    with _logged(workdir, "init"):
        return make(out or _silent(), options)


def simulate(workspace: Workspace, run_date: dt.date, newsletters: int, users: int, seed: int = 1) -> World:
    """Simulated newsletters, loaded as a company's own would be.

    Args:
      workspace: its warehouse takes the rows.
      run_date: day that training and prediction will run for.
      newsletters: logged newsletters in the training window, 1 or more.
      users: users to predict for, 1 or more.
      seed: draws the world; the same one gives the same rows.

    Returns:
      The world, which knows the truth.

    Raises:
      SettingsError: a number is out of range, or the simulated world cannot play the use case.
    """
    from pipelines.cli import simulated_tables

    with _logged(workspace.workdir, "simulate"):
        return simulated_tables.simulate(workspace, run_date, newsletters, users, seed)


def ingest(workspace: Workspace, table: Table, files: Sequence[Path], replace: bool = False) -> IngestReport:
    """Loads files into a table of the use case; see `newsletter_bandit.warehouse.ingest.ingest`."""
    from pipelines.cli import warehouse

    with _logged(workspace.workdir, "ingest"):
        return warehouse.ingest(workspace, table, files, replace)


def train(
    workspace: Workspace, run_date: dt.date | None = None, out: Console | None = None, wait: bool = False
) -> TrainingOutcome:
    """Trains, judges and, if the gate blesses the model, publishes; also where the same rows were judged
    before.

    Args:
      workspace: what to train, and where.
      run_date: day of the run; None is today, UTC.
      out: where to print steps, values, checks and verdict; None is nowhere.
      wait: whether to wait while another training goes on in the work folder; False refuses.

    Raises:
      SettingsError: settings cannot be used, or the curated schema is missing.
      DataError: the window's rows cannot be used, or another training goes on.
    """
    from pipelines.cli import local_runs

    out = out or _silent()
    with _logged(workspace.workdir, "train"), local_runs.alone(out, workspace, "training", wait):
        outcome = local_runs.train(out, workspace, run_day(run_date), again=True)
    assert outcome is not None  # never left out: again
    return outcome


def predict(
    workspace: Workspace,
    run_date: dt.date | None = None,
    out: Console | None = None,
    wait: bool = False,
    force: bool = False,
) -> PredictionOutcome:
    """Ranks the recommenders for every user by the model in production, and stores the rankings.

    Args:
      workspace: what to rank, and where.
      run_date: day of the run; None is today, UTC.
      out: where to print steps and counts; None is nowhere.
      wait: whether to wait while another prediction goes on in the work folder; False refuses.
      force: whether rankings that were made for a later day may be replaced.

    Raises:
      SettingsError: settings cannot be used, or the day is too far in the future.
      DataError: nothing is in production, too many rows cannot be ranked, the store holds rankings of a later
        day, or another prediction goes on.
    """
    from pipelines.cli import local_runs

    out = out or _silent()
    with _logged(workspace.workdir, "predict"), local_runs.alone(out, workspace, "prediction", wait):
        return local_runs.predict(out, workspace, run_day(run_date), force)


@contextlib.contextmanager
def endpoint(workspace: Workspace) -> Iterator[str]:
    """Serves the stored rankings on a free port of this machine, in a process of its own, while it is open.

    Yields:
      The address, such as "http://127.0.0.1:40123"; it answers.

    Raises:
      UserError: the endpoint did not come up.
    """
    from pipelines.cli import demo

    with contextlib.ExitStack() as stack:
        with _logged(workspace.workdir, "serve"):
            address = stack.enter_context(demo.endpoint(workspace))
        yield address


def _silent() -> Console:
    return Console(quiet=True)


@contextlib.contextmanager
def _logged(workdir: Path, command: str) -> Iterator[None]:
    """Sends what libraries print meanwhile, C++ code included, into a log of the work folder.

    An error that can be fixed comes out bare, and its traceback goes into the log.
    """
    path = workdir / "logs" / f"{command}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S.%fZ}.log"
    private.make_private_folder(path.parent)
    with private.open_private_log(path) as log:
        try:
            with _streams_into(log.fileno()), _without_display():
                yield
        except Exception as error:  # of any class: a worker's error wraps the one that says what to do
            found = find_user_error(error)
            if found is None:
                raise
            log.write(private.redacted("".join(traceback.format_exception(error))))
            raise found from None
        finally:
            log.flush()
            if not path.stat().st_size:
                path.unlink()


def _without_display() -> contextlib.AbstractContextManager[Any]:
    """Keeps out of a notebook what libraries display by themselves, such as Beam's scripts from elsewhere."""
    if "IPython" not in sys.modules:
        return contextlib.nullcontext()
    capture = importlib.import_module("IPython.utils.capture")
    kept: contextlib.AbstractContextManager[Any] = capture.capture_output(stdout=False, stderr=False)
    return kept


@contextlib.contextmanager
def _streams_into(descriptor: int) -> Iterator[None]:
    """Leads the process's standard streams into an open file.

    A notebook has streams of its own besides the process's. A library that keeps the stream which it found
    here writes to the process's later on, which stays open.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {number: os.dup(number) for number in (_STDOUT, _STDERR)}
    out, err = (open(number, "w", buffering=1, errors="replace", closefd=False) for number in saved)  # noqa: SIM115
    try:
        for number in saved:
            os.dup2(descriptor, number)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        out.flush()
        err.flush()
        for number, before in saved.items():
            os.dup2(before, number)
            os.close(before)
