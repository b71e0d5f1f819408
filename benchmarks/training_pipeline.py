"""The whole training pipeline as a process of its own, from the warehouse to a published model, as the log
grows.

    .venv/bin/python -m benchmarks.training_pipeline [--rows 100000 1000000] [--work DIR] [--rounds 1]
                                                     [--json FILE]

Each run is `newsletter-bandit train` in a fresh copy of a work folder whose warehouse holds simulated
newsletters: imports, all steps, verdict and publication. Simulating and ingesting is not measured. `--work`
keeps the warehouses for the next time; 5,000,000 rows need 10 GB of memory to simulate, and some minutes.

The peer, at the smallest size, is the same pipeline with TFX's own executors of StatisticsGen and Transform
in the place of ours: their statistics and vocabularies must be the same.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import measuring
from benchmarks.measuring import Side, Target
from newsletter_bandit.registry.evidence import Metrics, Verdict

USE_CASE = measuring.REPOSITORY / "configs" / "newsletter.yaml"
ENVIRONMENT = measuring.REPOSITORY / "configs" / "environments" / "local.yaml"
RUN_DATE = dt.date(2026, 11, 24)
USERS = 1000  # to predict for, which is another benchmark's subject
SMALL, LARGE, LARGEST = 100_000, 1_000_000, 5_000_000
OURS, STOCK = "ours", "TFX's executors"


def main() -> None:
    """Prints the tables; ends with 1 where a target is missed. See the module."""
    if len(sys.argv) > 1 and sys.argv[1] == "--side":
        side(Path(sys.argv[2]), stock=sys.argv[3] == STOCK)
        return
    parser = measuring.parser(__doc__, rounds=1)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[SMALL, LARGE], help="newsletters in the window"
    )
    parser.add_argument("--work", type=Path, help="keeps the warehouses; a temporary folder unless given")
    parser.add_argument("--no-peer", action="store_true", help="leave out TFX's executors")
    options = parser.parse_args()
    out = Console(width=120, highlight=False)
    with _folder(options.work) as work:
        found = measure(work, sorted(options.rows), options.rounds, peer=not options.no_peer, out=out)
    show(out, found)
    measuring.finish(out, options.json, found, targets(found))


def measure(
    work: Path, sizes: Sequence[int], rounds: int, peer: bool, out: Console | None = None
) -> dict[str, Any]:
    """Figures by size and side, as JSON holds them.

    Args:
      work: warehouses are kept here, and made where they are missing.
      sizes: rows in the window, ascending.
      rounds: runs of each.
      peer: runs TFX's executors too, at the smallest size.
      out: told of progress.
    """
    found: dict[str, Any] = {"sizes": {}}
    for size in sizes:
        warehouse = prepare(work, size)
        names = (OURS, STOCK) if peer and size == sizes[0] else (OURS,)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names:
                if out is not None:
                    out.print(f"[dim]{size:,} rows, round {number + 1} of {rounds}: {name}[/]")
                runs[name].append(_run(warehouse, name))
        if any(some[0]["vocabularies"] != runs[OURS][0]["vocabularies"] for some in runs.values()):
            raise measuring.SideError(f"{size:,} rows: ours and TFX's executors made different vocabularies")
        found["sizes"][str(size)] = {name: _together(size, some) for name, some in runs.items()}
    return found


def prepare(work: Path, rows: int) -> Path:
    """A folder with a warehouse of this number of newsletters in the window; simulated unless it is there."""
    from newsletter_bandit.files import filled_folder
    from newsletter_bandit.settings.reading import load_environment, load_use_case
    from pipelines.cli.simulated_tables import simulate
    from pipelines.workspace import Workspace

    folder = work / str(rows)
    if not folder.is_dir():
        use_case = load_use_case(USE_CASE)
        with filled_folder(folder) as temporary:
            environment = load_environment(ENVIRONMENT).in_workdir(temporary, use_case)
            simulate(Workspace(use_case, USE_CASE, environment, temporary), RUN_DATE, rows, USERS, seed=1)
            shutil.rmtree(temporary / "raw")
    return folder


def side(workdir: Path, stock: bool) -> None:
    """`newsletter-bandit train` in this process; tells its rows, and what must be the same whoever's
    executors ran.

    Raises:
      SystemExit: the command failed.
    """
    from pipelines.cli import main as cli
    from pipelines.cli import runtime_defaults
    from pipelines.cli.runs import NOT_IN_PRODUCTION
    from pipelines.local import libraries

    if stock:
        runtime_defaults.apply()
        libraries.load()
        _use_stock()
    command = ["train", "--run-date", RUN_DATE.isoformat(), "--workdir", str(workdir)]
    sys.argv = ["newsletter-bandit", *command, "--use-case", str(USE_CASE), "--environment", str(ENVIRONMENT)]
    try:
        cli.main()
    except SystemExit as ended:
        # Whatever the verdict.
        if ended.code not in (None, 0, NOT_IN_PRODUCTION):
            raise
    (report_file,) = workdir.glob("runs/*.json")
    report = json.loads(report_file.read_text(encoding="utf-8"))
    steps = {step["step"]: step for step in report["steps"]}
    split = {key: steps["StatisticsGen"][key] for key in ("train_rows", "eval_rows")}
    (evaluation,) = workdir.glob("pipelines/*/Evaluator/evaluation/*")
    measuring.tell(
        sum(split.values()),
        report["seconds"],
        steps={name: step["seconds"] for name, step in steps.items()},
        split=split,
        vocabularies=_vocabularies(workdir),
        verdict=Verdict.read(evaluation).verdict,
        value=Metrics.read(evaluation).overall.candidate.serving_policy.values["dr"].value,
    )


def _vocabularies(workdir: Path) -> dict[str, list[str]]:
    files = workdir.glob("pipelines/*/Transform/transform_graph/*/transform_fn/assets/vocabulary_*")
    return {path.name: path.read_text(encoding="utf-8").splitlines() for path in sorted(files)}


def show(out: Console, found: Mapping[str, Any]) -> None:
    """Prints a table of the runs and one of their steps."""
    runs = [
        (f"{int(size):,} rows, {name}", figures)
        for size, sides in found["sizes"].items()
        for name, figures in sides.items()
    ]
    totals = Table(
        "run", "seconds", "in steps", "rows/s", "peak MiB", "verdict", box=SIMPLE_HEAD, pad_edge=False
    )
    for name, figures in runs:
        totals.add_row(
            name,
            f"{figures['seconds']:.1f}",
            f"{sum(figures['steps'].values()):.1f}",
            f"{figures['rows'] / figures['seconds']:,.0f}",
            f"{figures['peak_mib']:,.0f}",
            figures["verdict"],
        )
    out.print(totals)
    steps = Table("step", *(name for name, _ in runs), box=SIMPLE_HEAD, pad_edge=False)
    for step in runs[0][1]["steps"]:
        cells = [f"{figures['steps'].get(step, 0.0):.1f}" for _, figures in runs]
        if any(float(cell) for cell in cells):
            steps.add_row(step, *cells)
    imports = [figures["seconds"] - sum(figures["steps"].values()) for _, figures in runs]
    steps.add_row("imports and the rest", *(f"{seconds:.1f}" for seconds in imports))
    out.print(steps)


def targets(found: Mapping[str, Any]) -> list[Target]:
    """The targets of those sizes that were measured."""
    sizes = {int(size): sides[OURS] for size, sides in found["sizes"].items()}
    made = []
    if SMALL in sizes:
        seconds = sizes[SMALL]["seconds"]
        made.append(Target(f"{SMALL:,} rows", "at most 60 s all in", f"{seconds:.1f} s", seconds <= 60))
    if SMALL in sizes and LARGE in sizes:
        ratio = sizes[LARGE]["seconds"] / sizes[SMALL]["seconds"]
        made.append(Target(f"{LARGE:,} rows", f"at most 5 x {SMALL:,}", f"{ratio:.2f} x", ratio <= 5))
    if LARGEST in sizes:
        gib = sizes[LARGEST]["peak_mib"] / 1024
        made.append(Target(f"{LARGEST:,} rows", "at most 8 GiB", f"{gib:.2f} GiB", gib <= 8))
    return made


def _run(warehouse: Path, name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=warehouse.parent) as folder:
        workdir = Path(folder) / "work"
        shutil.copytree(warehouse, workdir)
        command = measuring.this_module("training_pipeline", "--side", workdir, name)
        told, peak = measuring.run(Side(name, command))
        return {**told, "peak_mib": peak}


def _together(size: int, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of the median run; all of their seconds."""
    for run in runs:
        if run["rows"] != size:
            raise measuring.SideError(f"{size:,} rows: found {run['rows']:,} in the splits")
        if run["vocabularies"] != runs[0]["vocabularies"] or run["verdict"] != runs[0]["verdict"]:
            raise measuring.SideError(f"{size:,} rows: two runs ended differently")
    times = [run["process_seconds"] for run in runs]
    middle = statistics.median_low(times)
    return {
        **{key: value for key, value in runs[times.index(middle)].items() if key != "vocabularies"},
        "seconds": middle,
        "all_seconds": times,
        "peak_mib": max(run["peak_mib"] for run in runs),
    }


def _use_stock() -> None:
    from tfx.components import StatisticsGen, Transform
    from tfx.types import BaseChannel

    from newsletter_bandit.settings.use_case import UseCase
    from pipelines import preparation

    def stock_transform(examples: BaseChannel, schema: BaseChannel, use_case: UseCase) -> Transform:
        return Transform(
            examples=examples,
            schema=schema,
            preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
            custom_config={"use_case": use_case.to_json()},
            disable_statistics=True,
        )

    for name, value in (("StatisticsGen", StatisticsGen), ("Transform", stock_transform)):
        setattr(preparation, name, value)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


if __name__ == "__main__":
    main()
