"""Score and store: `newsletter-bandit predict` as a whole process, by number of users, with the embedded
store.

Measured from the start of the process to its end, imports included: ExampleGen from the warehouse,
BulkInferrer and PredictionStorer into a new SQLite file. The run's own report tells the seconds of each step.

Beside it, the limit of storing: the standard library's `executemany` of the very rows that the run stored,
ready made, into an empty file of the same table. It neither reads files of predictions nor checks anything.

    python -m benchmarks.score_and_store [--users 200000 2000000] [--rounds 1] [--workdir DIR] [--json FILE]
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import batch_work, measuring
from benchmarks.measuring import Measured, Side, Target, clock, tell

SIZES = (200_000, 2_000_000)
SECONDS, MEGABYTES, GROWTH = 180.0, 4_000.0, 11.0
_ROWS = 10_000  # a transaction, as in the step


def run(folder: Path) -> None:
    """The side `predict`: everything that an earlier run left is taken away, the warehouse and the model
    stay.
    """
    for path in (*folder.glob("rankings-*"), *folder.glob("metadata.*")):
        path.unlink()
    for name in ("pipelines", "runs", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    with clock() as whole:
        subprocess.run(batch_work.command("predict", folder), check=True, stdout=subprocess.DEVNULL)
    (file,) = (folder / "runs").glob("*.json")
    steps = {step["step"]: step for step in json.loads(file.read_text())["steps"]}
    stored = steps["PredictionStorer"]
    if stored["users_rejected"]:
        raise AssertionError(f"found {stored['users_rejected']} refused rows; allowed: 0")
    tell(
        stored["users_stored"],
        whole["seconds"],
        steps={name: step["seconds"] for name, step in steps.items()},
    )


def insert(folder: Path) -> None:
    """The side `executemany`: the rows of `run`'s store into a new file."""
    (store,) = folder.glob("rankings-*.sqlite")
    with (
        tempfile.TemporaryDirectory(dir=folder) as other,
        contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(Path(other) / "rows.sqlite", isolation_level=None)) as target,
    ):
        (create,) = source.execute("SELECT sql FROM sqlite_schema WHERE name = 'rankings'").fetchone()
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = NORMAL")
        target.execute(create)
        seconds, count = 0.0, 0
        rows = _rows(source)
        while part := list(islice(rows, _ROWS)):
            with clock() as inserting:
                target.execute("BEGIN IMMEDIATE")
                target.executemany(f"INSERT INTO rankings VALUES ({', '.join('?' * len(part[0]))})", part)
                target.execute("COMMIT")
            seconds += inserting["seconds"]
            count += len(part)
        different = sum(mine != theirs for mine, theirs in zip(_rows(source), _rows(target), strict=True))
    if different:
        raise AssertionError(f"found {different} rows that differ; allowed: 0")
    tell(count, seconds)


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    return iter(connection.execute("SELECT * FROM rankings ORDER BY user_id"))


def main() -> None:
    """Prints the tables; see the module."""
    if len(sys.argv) == 3 and sys.argv[1] in ("run", "insert"):
        {"run": run, "insert": insert}[sys.argv[1]](Path(sys.argv[2]))
        return
    parser = measuring.parser(__doc__, rounds=1)
    parser.add_argument("--users", type=int, nargs="+", default=list(SIZES), help="ascending")
    batch_work.add_option(parser)
    options = parser.parse_args()
    out = Console()
    sizes = sorted(options.users)
    with batch_work.work_folder(options.workdir) as workdir:
        sides = []
        for users in sizes:
            folder = batch_work.users_folder(workdir, users)
            sides += [
                Side(f"predict, {users:,}", measuring.this_module("score_and_store", "run", folder)),
                Side(f"executemany, {users:,}", measuring.this_module("score_and_store", "insert", folder)),
            ]
        measured = measuring.in_turn(sides, options.rounds, out)
    ours = measured[::2]
    for expected, found in zip(sizes, ours, strict=True):
        if found.rows != expected:
            raise AssertionError(f"found {found.rows} rankings stored; allowed: {expected}")
    out.print(measuring.table("Score and store", measured, unit="users"))
    for one, limit in zip(ours, measured[1::2], strict=True):
        steps = "  ".join(f"{name} {seconds:.1f} s" for name, seconds in one.figures["steps"].items())
        share = one.figures["steps"]["PredictionStorer"] / limit.seconds[-1]
        out.print(f"{one.name}: {steps}; storing takes {share:.1f} times as long as executemany alone")
    figures = {"sides": {one.name: one.to_json() for one in measured}}
    measuring.finish(out, options.json, figures, _targets(ours))


def _targets(ours: list[Measured]) -> list[Target]:
    smallest, largest = ours[0], ours[-1]
    worst = max(largest.seconds)
    megabytes = largest.peak * 2**20 / 1e6
    # A user may cost this much more than at ten times as many users.
    growth = max(b / a for a, b in zip(smallest.seconds, largest.seconds, strict=True))
    times = largest.rows / smallest.rows
    allowed = times * GROWTH / 10.0
    return [
        Target(
            f"{largest.rows:,} users, the slowest round",
            f"at most {SECONDS:.0f} s",
            f"{worst:.1f} s",
            worst <= SECONDS,
        ),
        Target(
            "its peak memory", f"at most {MEGABYTES:,.0f} MB", f"{megabytes:,.0f} MB", megabytes <= MEGABYTES
        ),
        Target(
            f"cost of {times:.3g} times the users",
            f"at most {allowed:.3g} times",
            f"{growth:.2f} times",
            growth <= allowed,
        ),
    ]


if __name__ == "__main__":
    main()
