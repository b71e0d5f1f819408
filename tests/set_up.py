"""A set-up in a work folder: tables, a model, a training and rankings, all as they should be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import yaml

from newsletter_bandit.registry import Look, Registry
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.tables.build import Plan, build
from pipelines.workspace import Workspace
from serving.stores.sqlite import SQLiteStore
from tests.evidence_records import decision, metrics, published, verdict
from tests.local_files import rankings_file, warehouse_file
from tests.rankings import make_ranking
from tests.raw_sources import END, RAW, RUN_DATE, START, fill_duckdb, make_raw_use_case

ROOT = Path(__file__).parents[1]
# Ends with the digest of the model below, as published names do.
VERSION = "20240120T101500Z-352bd7c5"
TODAY = dt.datetime(2024, 1, 22, 6, tzinfo=dt.UTC)
WINDOW = ("2024-01-08", "2024-01-15")


def use_case(**changes: object) -> UseCase:
    """Windows of one week each; on `TODAY` the newest complete one is `WINDOW`."""
    window = {"weeks": 1, "overlap_weeks": 0, "anchor": "2024-01-08"}
    return make_raw_use_case(window=window, name="newsletter", **changes)


def placed(settings: UseCase, workdir: Path) -> Workspace:
    local = yaml.safe_load((ROOT / "configs" / "environments" / "local.yaml").read_text())
    environment = Environment.model_validate(local).in_workdir(workdir, settings)
    return Workspace(settings, workdir / "use_case.yaml", environment, workdir)


def fill(workdir: Path) -> Workspace:
    """Tables, a model, a training and rankings of two users, one of them expired; all as they should be."""
    workspace = placed(use_case(), workdir)
    environment = workspace.environment
    fill_duckdb(warehouse_file(environment), workspace.use_case, RAW)
    with duckdb.connect(warehouse_file(environment)) as connection:
        connection.execute("DELETE FROM raw.users WHERE snapshot_date > DATE '2024-01-20'")
    build(environment.warehouse, workspace.use_case, Plan(START, END, RUN_DATE))
    registry = Registry(environment.registry, "newsletter")
    model = workspace.workdir / "model"
    model.mkdir()
    (model / "saved_model.pb").write_text("a model")
    registry.publish(VERSION, str(model), published(metrics(), verdict(), decision()))
    registry.set_current(VERSION)
    note(registry, 1, "published")
    store = SQLiteStore(rankings_file(environment))
    for user, day in (("user-1", 22), ("user-2", 12)):
        generated = dt.datetime(2024, 1, day, tzinfo=dt.UTC)
        store.put_many([make_ranking(user_id=user, generated_at=generated, model_version=VERSION)])
    store.close()
    return workspace


def note(registry: Registry, number: int, outcome: str, found: str = "blessed") -> None:
    """A training that was judged and concluded."""
    evaluation = f"evaluation/{number}"
    registry.looks.note(Look(WINDOW, "settings", "rows", evaluation, found, "logging policy"))
    registry.looks.conclude(evaluation, outcome, VERSION if outcome == "published" else None)
