"""The step that fills a pipeline's table, on an embedded warehouse."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.warehouse import loading
from tests import raw_sources
from tests.raw_sources import RAW, duckdb_rows, fill_duckdb, make_raw_use_case


def _run(folder: Path, table: Any, run_date: str) -> str:
    """Builds the table of `RAW`; the report."""
    from tfx.types.experimental import simple_artifacts

    from components.table_builder.component import REPORT_FILE, Executor, TableBuilder

    warehouse = DuckDBWarehouse(kind="duckdb", path=str(folder / "w.duckdb"))
    component = TableBuilder(make_raw_use_case(), warehouse, table, run_date)
    artifact = simple_artifacts.File()
    artifact.uri = str(folder / "report")
    (folder / "report").mkdir(exist_ok=True)
    Executor().Do({}, {"report": [artifact]}, dict(component.exec_properties))
    return (folder / "report" / REPORT_FILE).read_text()


def test_the_step_builds_its_table_for_the_day_and_leaves_the_other_alone(tmp_path: Path) -> None:
    use_case = make_raw_use_case()
    fill_duckdb(tmp_path / "w.duckdb", use_case, RAW)
    report = _run(tmp_path, "training", "2024-01-22")
    assert "tiny.training, sends of 2024-01-01 to 2024-01-21: 10 rows written in place of 0." in report
    assert {row["sent_at"].date() for row in duckdb_rows(tmp_path / "w.duckdb", "tiny.training")} >= {
        dt.date(2024, 1, 9),
        dt.date(2024, 1, 14),
    }
    with pytest.raises(duckdb.CatalogException, match="inference does not exist"):
        duckdb_rows(tmp_path / "w.duckdb", "tiny.inference")

    # For the report of a training: nobody notes it where no command was called.
    load = loading.kept(str(tmp_path / "report"))
    assert load is not None
    assert (load.command, load.taken) == ("build-tables", 10)
    assert load.read == load.taken + sum(load.left_out.values())
    for reason, rows in load.left_out.items():
        assert f"left out: {rows} {reason}\n" in report
    (tmp_path / "report" / loading.FILE).unlink()

    report = _run(tmp_path, "inference", "2024-01-22")
    assert loading.kept(str(tmp_path / "report")) is None
    assert report.startswith(
        "tiny.inference, users of the snapshot of 2024-01-20 for campaign 2024-W04: 3 rows written"
    )
    found = duckdb_rows(tmp_path / "w.duckdb", "tiny.inference")
    assert raw_sources.inference_tuples(found) == raw_sources.INFERENCE
