"""Measures how soon the command line answers: `--help`, and each kind of refused setting, as whole processes.

Beside them two that do nothing: Python with typer and rich, which every command needs, and with TensorFlow,
which none of these may import. Each refusal must end with exit status 2 and the one message that is expected.

    python -m benchmarks.startup [--rounds 7] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks import measuring
from benchmarks.measuring import Target

_CONFIGS = measuring.REPOSITORY / "configs"
_HELP_SECONDS, _REFUSAL_SECONDS = 0.5, 1.5
_REFUSED = 2
# None of these commands may import one of these.
_SLOW = ("tensorflow", "tfx", "apache_beam", "tf_agents")


class WrongOutcomeError(Exception):
    """A command did not end as expected."""


@dataclass(frozen=True)
class Case:
    """A command, and how it must end.

    Attributes:
      name: of the row.
      arguments: of Python.
      status: exit status.
      says: what its output holds.
      seconds: that it may take; None for a peer.
    """

    name: str
    arguments: Sequence[str]
    status: int = 0
    says: str = ""
    seconds: float | None = None


def cases(folder: Path) -> list[Case]:
    """Everything that is measured; settings to refuse are written into ``folder``."""
    use_case = (_CONFIGS / "newsletter.yaml").read_text(encoding="utf-8")
    environment = (_CONFIGS / "environments" / "local.yaml").read_text(encoding="utf-8")
    unknown, bounds, elsewhere = folder / "unknown.yaml", folder / "bounds.yaml", folder / "environment.yaml"
    unknown.write_text(f"{use_case}\nno_such_key: 1\n", encoding="utf-8")
    bounds.write_text(use_case.replace("epsilon: 0.02", "epsilon: 1.5"), encoding="utf-8")
    elsewhere.write_text(f"{environment}\nno_such_key: 1\n", encoding="utf-8")
    missing = folder / "missing.yaml"

    def refused(name: str, says: str, *arguments: object) -> Case:
        command = ["-m", "pipelines.cli.main", *map(str, arguments), "--workdir", str(folder / "workdir")]
        return Case(name, command, _REFUSED, says, _REFUSAL_SECONDS)

    return [
        Case("python, typer and rich alone", ["-c", "import typer, rich.console"]),
        Case("python and TensorFlow", ["-c", "import tensorflow"]),
        Case("--help", ["-m", "pipelines.cli.main", "--help"], 0, "train", _HELP_SECONDS),
        Case("train --help", ["-m", "pipelines.cli.main", "train", "--help"], 0, "--run-date", _HELP_SECONDS),
        refused("a key that does not exist", "no_such_key", "train", "--use-case", unknown),
        refused("a value out of its bounds", "epsilon", "train", "--use-case", bounds),
        refused("a file that does not exist", "missing.yaml", "predict", "--use-case", missing),
        refused("an environment's unknown key", "no_such_key", "serve", "--environment", elsewhere),
        refused("nothing stored to serve", "rankings", "serve"),
        refused("options that do not fit", "--weeks", "simulate", "--fresh"),
    ]


def run(case: Case) -> float:
    """Seconds from starting the process to its end.

    Raises:
      WrongOutcomeError: its exit status or message is another.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *case.arguments],
        cwd=measuring.REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    seconds = time.perf_counter() - began
    if done.returncode != case.status or case.says not in done.stdout + done.stderr:
        raise WrongOutcomeError(f"{case.name}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds


def slow_imports(case: Case) -> list[str]:
    """The slow libraries that the command imports, by `-X importtime`."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *case.arguments],
        cwd=measuring.REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "COLUMNS": "120"},
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    return sorted(imported.intersection(_SLOW))


def main() -> None:
    """Prints the table; see the module."""
    parser = measuring.parser(__doc__, rounds=7)
    parser.add_argument("--without-tensorflow", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    out = measuring.console()
    with tempfile.TemporaryDirectory() as name:
        measured = [
            case
            for case in cases(Path(name))
            if not (options.without_tensorflow and "TensorFlow" in case.name)
        ]
        for case in measured:
            run(case)  # bytecode and the files' cache: what a second call of the day finds
        seconds: dict[str, list[float]] = {case.name: [] for case in measured}
        for _ in range(options.rounds):
            for case in measured:
                seconds[case.name].append(run(case))
        slow = {case.name: slow_imports(case) for case in measured if case.seconds is not None}
    table = Table("", "seconds", "fastest", "slowest", title="Whole processes", box=SIMPLE_HEAD)
    table.title_justify, table.title_style, table.pad_edge = "left", "bold", False
    for case in measured:
        found = seconds[case.name]
        table.add_row(case.name, *(f"{figure:.2f}" for figure in (median(found), min(found), max(found))))
    out.print(table)
    targets = [
        Target(
            case.name,
            f"under {case.seconds:g} s",
            f"{median(seconds[case.name]):.2f} s, slowest {max(seconds[case.name]):.2f} s",
            max(seconds[case.name]) < case.seconds,
        )
        for case in measured
        if case.seconds is not None
    ]
    found_slow = sorted({name for names in slow.values() for name in names})
    targets.append(
        Target("TensorFlow, TFX, Beam", "not imported", ", ".join(found_slow) or "none", not found_slow)
    )
    measuring.finish(out, options.json, {"seconds": seconds, "slow_imports": slow}, targets)


if __name__ == "__main__":
    main()
