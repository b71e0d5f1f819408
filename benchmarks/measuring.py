"""Code that the speed benchmarks share: sides that run in turn, each in a separate process, and their report.

A side is a command whose last line of output is the JSON that `tell` prints. A process each, so that peak
memory is the run's own and nothing is warm that would not be; in turn (A B A B ...), so that a machine that
slows down slows both. Quote the ratios, which are taken round by round: they hold across machines, seconds do
not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHON = REPOSITORY / ".venv" / "bin" / "python"
# With the peers: benchmarks/requirements.txt.
PEERS_PYTHON = REPOSITORY / "benchmarks" / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Side:
    """One way of doing the work.

    Attributes:
      name: of the row in the table.
      command: program and arguments; runs in the repository's root and ends with the line of `tell`.
      environment: variables beside this process's own.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Measured:
    """The runs of one side, one number per round in each list.

    Attributes:
      rows: that the work went over, the same in each round.
      seconds: that it took, without what the side leaves out of its own clock.
      peak_mib: most memory that the process held, MiB.
      figures: of the last run, whatever else the side told.
      every: `figures` of each run.
    """

    name: str
    rows: int = 0
    seconds: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    every: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Rows per second, by the median run."""
        return self.rows / statistics.median(self.seconds)

    @property
    def peak(self) -> float:
        """Most memory that any of the runs held, MiB."""
        return max(self.peak_mib)

    def median(self, figure: str) -> float:
        """A figure of the median run."""
        return statistics.median(told[figure] for told in self.every)

    def ratio(self, other: Measured) -> float:
        """Rows per second divided by those of ``other``; median over the rounds."""
        return statistics.median(self.ratios(other))

    def ratios(self, other: Measured) -> list[float]:
        """`ratio` of each round."""
        return [
            (self.rows / mine) / (other.rows / theirs)
            for mine, theirs in zip(self.seconds, other.seconds, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """Every figure."""
        return {
            "rows": self.rows,
            "rows_per_second": self.rate,
            "seconds": self.seconds,
            "peak_mib": self.peak_mib,
            **self.figures,
        }


@dataclass(frozen=True)
class Target:
    """A figure's target, and what was measured.

    Attributes:
      name: of the claim.
      target: in words, e.g. ``at least 2,000,000 rows/s``.
      found: the figure in the same unit.
      met: whether it is.
    """

    name: str
    target: str
    found: str
    met: bool


class SideError(Exception):
    """A side ended with an error, or without a figure."""


@contextlib.contextmanager
def clock() -> Iterator[dict[str, float]]:
    """Times what it surrounds; the dictionary holds `seconds` afterwards."""
    found: dict[str, float] = {}
    start = time.perf_counter()
    yield found
    found["seconds"] = time.perf_counter() - start


def tell(rows: int, seconds: float, **figures: Any) -> None:
    """A side's last line: ``rows`` took ``seconds``; ``figures`` are JSON values. The process's peak memory
    goes with it.
    """
    told = {"rows": rows, "seconds": seconds, "peak_mib": _peak(), **figures}
    print(json.dumps(told), flush=True)


def this_module(name: str, *arguments: object, python: Path | str = sys.executable) -> list[str]:
    """Command of a side in module ``name`` of this folder."""
    return [str(python), "-m", f"benchmarks.{name}", *map(str, arguments)]


def require_peers() -> None:
    """Ends the process with a sentence where the peers are not installed."""
    if not PEERS_PYTHON.exists():
        raise SystemExit("benchmarks/.venv: the peers are not installed; run `make peers`")


def in_turn(sides: Sequence[Side], rounds: int, out: Console | None = None) -> list[Measured]:
    """Runs A B A B ...: each side once per round, in this order.

    Raises:
      SideError: a side fails; with what it wrote last.
    """
    found = [Measured(side.name) for side in sides]
    for number in range(rounds):
        for side, measured in zip(sides, found, strict=True):
            if out is not None:
                out.print(f"[dim]round {number + 1} of {rounds}: {side.name}[/]")
            told, peak = run(side)
            measured.rows = int(told.pop("rows"))
            measured.seconds.append(float(told.pop("seconds")))
            measured.peak_mib.append(peak)
            measured.figures = told
            measured.every.append(told)
    return found


def run(side: Side) -> tuple[dict[str, Any], float]:
    """Runs a side once: what it told with `process_seconds`, the time from start to end, and its peak memory
    in MiB.

    Children count by themselves for the peak, not together.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(side.command),
            cwd=REPOSITORY,
            env={**os.environ, **side.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        lines = output.read().decode("utf-8", "replace").strip().splitlines()
        if process.returncode != 0 or not lines or not lines[-1].startswith("{"):
            last = "\n".join(errors.read().decode("utf-8", "replace").strip().splitlines()[-15:])
            raise SideError(f"{side.name}: exit status {process.returncode}; it wrote last:\n{last}")
    told: dict[str, Any] = {"process_seconds": seconds, **json.loads(lines[-1])}
    # A side that does not say (`tell` does) is credited with what it and its starter held at most.
    return told, told.pop("peak_mib", usage.ru_maxrss / 1024)


def console() -> Console:
    """Console for tables; wide enough for them if the output is no terminal."""
    return Console(width=None if sys.stdout.isatty() else 120)


def parser(description: str | None, rounds: int = 3) -> argparse.ArgumentParser:
    """Options that all these benchmarks have: ``--rounds`` and ``--json``."""
    made = argparse.ArgumentParser(description=(description or "").partition("\n\n")[0])
    made.add_argument("--rounds", type=int, default=rounds, help="runs of each side")
    made.add_argument("--json", type=Path, help="write every figure")
    return made


def table(
    title: str, measured: Sequence[Measured], against: Measured | None = None, unit: str = "rows"
) -> Table:
    """Rows, median seconds, rate, peak memory and, with ``against``, the ratio to it with its range over the
    rounds.
    """
    columns = ["", unit, "seconds", f"{unit}/s", "peak MiB"]
    made = Table(
        *columns, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in made.columns[1:]:
        column.justify = "right"
    if against is not None:
        made.add_column(f"x {against.name}", justify="right")
    for one in measured:
        cells = [
            one.name,
            f"{one.rows:,}",
            f"{statistics.median(one.seconds):.3g}",
            f"{one.rate:,.0f}",
            f"{one.peak:,.0f}",
        ]
        if against is not None:
            ratios = one.ratios(against)
            spread = (
                f" [{min(ratios):.2f}, {max(ratios):.2f}]" if len(ratios) > 1 and one is not against else ""
            )
            cells.append(f"{statistics.median(ratios):.2f}{spread}")
        made.add_row(*cells)
    return made


def finish(
    out: Console,
    file: Path | None,
    figures: Mapping[str, Any],
    targets: Sequence[Target],
    title: str = "Targets",
) -> None:
    """Prints the targets, writes the JSON, and ends the process: 0 where all are met, else 1."""
    made = Table("", "target", "found", "", title=title, title_justify="left", title_style="bold")
    made.box, made.pad_edge = SIMPLE_HEAD, False
    for target in targets:
        made.add_row(target.name, target.target, target.found, "met" if target.met else "[bold]MISSED[/]")
    if targets:
        out.print(made)
    if file is not None:
        whole = {"machine": machine(), **figures, "targets": [vars(target) for target in targets]}
        file.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    raise SystemExit(0 if all(target.met for target in targets) else 1)


def _peak() -> float:
    """Most memory that this program, or one that it has waited for, held, MiB.

    What wait4 says of a program counts the one that started it too, which may have been larger.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            return max(int(line.split()[1]), children) / 1024
    raise SideError("/proc/self/status: no line VmHWM; allowed: Linux")


def machine() -> dict[str, Any]:
    """Description of the machine."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
