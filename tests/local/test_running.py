"""A real pipeline of one step shows in the work folder how far it is, leaves its record alone, and knows its
own outputs from those of another run.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from newsletter_bandit.settings.environment import (
    DuckDBWarehouse,
    Environment,
    SQLiteMetadata,
    SQLiteStore,
)
from pipelines.events import StepEvent
from pipelines.local.executions import Executions
from pipelines.local.progress import under_way
from pipelines.local.running import run_pipeline
from pipelines.metadata import connection_config
from pipelines.workspace import Workspace
from tests.tiny import make_use_case


def one_step(folder: Path, source: Path) -> Any:
    """A pipeline whose step Given emits ``source``."""
    from tfx import v1 as tfx
    from tfx.types import standard_artifacts

    given = tfx.dsl.Importer(source_uri=str(source), artifact_type=standard_artifacts.Schema)
    return tfx.dsl.Pipeline(
        pipeline_name="tiny-training",
        pipeline_root=str(folder / "root"),
        components=[given.with_id("Given")],
        metadata_connection_config=metadata_of(folder),
    )


def metadata_of(folder: Path) -> Any:
    return connection_config(SQLiteMetadata(kind="sqlite", path=str(folder / "metadata.sqlite")))


def test_the_work_folder_shows_a_run_until_its_record_is_there(tmp_path: Path) -> None:
    environment = Environment(
        name="local", warehouse=DuckDBWarehouse(kind="duckdb"), store=SQLiteStore(kind="sqlite")
    )
    workspace = Workspace(make_use_case(), tmp_path / "tiny.yaml", environment, tmp_path)
    shown: list[tuple[bool, list[tuple[str, str]]]] = []

    def look(_: StepEvent) -> None:
        (run,) = under_way(tmp_path)
        shown.append((run.alive, [(stage.step, stage.state) for stage in run.stages]))

    executions = Executions(metadata_of(tmp_path), "tiny-training")
    pipeline = one_step(tmp_path, tmp_path)
    run_pipeline(workspace, dt.date(2026, 11, 23), pipeline, executions, look, None)
    assert shown == [(True, [("Given", "running")]), (True, [("Given", "finished")])]
    assert under_way(tmp_path) == []
    assert [path.suffix for path in (tmp_path / "runs").iterdir()] == [".json"]


def test_a_run_reads_its_own_outputs_and_not_those_of_a_newer_one(tmp_path: Path) -> None:
    runs = {}
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        runs[name] = Executions(metadata_of(tmp_path), "tiny-training")
        runs[name].run(one_step(tmp_path, tmp_path / name))
    for name, executions in runs.items():
        assert executions.outputs("Given") == {"result": str(tmp_path / name)}
        assert executions.outputs("Trainer") == {}
    assert Executions(metadata_of(tmp_path), "tiny-training").outputs("Given") == {}
