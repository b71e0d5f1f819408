from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from pipelines.events import StepEvent
from pipelines.local.run_report import RunReport


def test_a_run_that_failed_is_reported_too(tmp_path: Path) -> None:
    steps = [
        StepEvent(
            "BigQueryExampleGen", "finished", 12.3456, "1.0 MB of examples", {"bytes_written": 1_000_000}
        ),
        StepEvent("StatisticsGen", "failed", 0.5, "no rows"),
    ]
    started = dt.datetime(2026, 11, 23, 3, 0, 1, tzinfo=dt.UTC)
    report = RunReport(
        "newsletter-training", dt.date(2026, 11, 23), started, 13.0, False, "the query reads 5 MB", steps
    )
    path = report.write(tmp_path)
    assert path == tmp_path / "runs" / "newsletter-training-20261123T030001.000000Z.json"
    assert json.loads(path.read_text()) == {
        "pipeline": "newsletter-training",
        "run_date": "2026-11-23",
        "started_at": "2026-11-23T03:00:01+00:00",
        "seconds": 13.0,
        "succeeded": False,
        "reads": "the query reads 5 MB",
        "steps": [
            {
                "step": "BigQueryExampleGen",
                "state": "finished",
                "seconds": 12.346,
                "detail": "1.0 MB of examples",
                "bytes_written": 1_000_000,
            },
            {"step": "StatisticsGen", "state": "failed", "seconds": 0.5, "detail": "no rows"},
        ],
    }
