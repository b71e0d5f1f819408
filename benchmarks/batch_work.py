"""Material for the benchmarks of batch prediction: a model in production, and users in the warehouse."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.measuring import PYTHON, REPOSITORY
from newsletter_bandit.registry import Registry
from newsletter_bandit.settings.environment import DuckDBWarehouse, Environment
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.world import World
from newsletter_bandit.warehouse.ingest import ingest

USE_CASE = REPOSITORY / "configs" / "newsletter.yaml"
ENVIRONMENT = REPOSITORY / "configs" / "environments" / "local.yaml"
DAY = dt.date(2026, 11, 23)
# Enough for the gate to bless the first model.
_NEWSLETTERS, _SEED = 60_000, 7


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option ``--workdir``."""
    parser.add_argument(
        "--workdir",
        type=Path,
        help="keeps the trained model and the users, and takes those that are there; a temporary folder "
        "unless given",
    )


@contextlib.contextmanager
def work_folder(given: Path | None) -> Iterator[Path]:
    """The given folder, or a temporary one; it holds a model in production."""
    with contextlib.ExitStack() as stack:
        folder = given or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsletter_bandit_")))
        _require_model(folder.absolute())
        yield folder.absolute()


def users_folder(workdir: Path, users: int) -> Path:
    """A work folder for ``users`` users of the inference table, with the model of ``workdir`` in
    production.
    """
    folder = workdir / f"users-{users}"
    use_case, environment = settings(folder)
    assert isinstance(environment.warehouse, DuckDBWarehouse)
    warehouse = Path(environment.warehouse.path)
    if not warehouse.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "registry").symlink_to(workdir / "registry")
        world = World.of(use_case, _SEED, users, use_case.window.anchor)
        rows = folder / "inference.parquet"
        pq.write_table(world.inference(world.everyone, DAY), rows)
        ingest(warehouse, use_case, "inference", [rows])
        rows.unlink()
    return folder


def settings(folder: Path) -> tuple[UseCase, Environment]:
    """Use case, and environment with its paths in ``folder``."""
    use_case = load_use_case(USE_CASE)
    return use_case, load_environment(ENVIRONMENT).in_workdir(folder, use_case)


def command(name: str, folder: Path, *options: object) -> list[str]:
    """``newsletter-bandit`` of this checkout."""
    day = ["--workdir", str(folder), "--run-date", DAY.isoformat()]
    return [str(PYTHON), "-m", "pipelines.cli.main", name, *day, *map(str, options)]


def _require_model(workdir: Path) -> None:
    registry = Registry(settings(workdir)[1].registry, "newsletter")
    if registry.current() is None:
        options = ("--newsletters", _NEWSLETTERS, "--users", 1000, "--seed", _SEED)
        for step in (command("simulate", workdir, *options), command("train", workdir)):
            subprocess.run(step, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    registry.require_current()
