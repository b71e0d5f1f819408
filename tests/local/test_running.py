"""A real pipeline of one step shows in the work folder how far it is, and then leaves its record alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

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


def test_the_work_folder_shows_a_run_until_its_record_is_there(tmp_path: Path) -> None:
    from tfx import v1 as tfx
    from tfx.types import standard_artifacts

    environment = Environment(
        name="local", warehouse=DuckDBWarehouse(kind="duckdb"), store=SQLiteStore(kind="sqlite")
    )
    workspace = Workspace(make_use_case(), tmp_path / "tiny.yaml", environment, tmp_path)
    metadata = connection_config(SQLiteMetadata(kind="sqlite", path=str(tmp_path / "metadata.sqlite")))
    given = tfx.dsl.Importer(source_uri=str(tmp_path), artifact_type=standard_artifacts.Schema)
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="tiny-training",
        pipeline_root=str(tmp_path / "root"),
        components=[given.with_id("Given")],
        metadata_connection_config=metadata,
    )
    shown: list[tuple[bool, list[tuple[str, str]]]] = []

    def look(_: StepEvent) -> None:
        (run,) = under_way(tmp_path)
        shown.append((run.alive, [(stage.step, stage.state) for stage in run.stages]))

    executions = Executions(metadata, "tiny-training")
    run_pipeline(workspace, dt.date(2026, 11, 23), pipeline, executions, look, None)
    assert shown == [(True, [("Given", "running")]), (True, [("Given", "finished")])]
    assert under_way(tmp_path) == []
    assert [path.suffix for path in (tmp_path / "runs").iterdir()] == [".json"]
