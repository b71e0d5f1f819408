from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from pipelines.events import StepEvent
from pipelines.local.run_record import RunRecord, day_of, evidence_of, page_of
from tests.reports.made import NAMES, evidence
from tests.reports.made_day import shifted


def test_a_run_that_failed_is_reported_too(tmp_path: Path) -> None:
    steps = [
        StepEvent(
            "BigQueryExampleGen", "finished", 12.3456, "1.0 MB of examples", {"bytes_written": 1_000_000}
        ),
        StepEvent("StatisticsGen", "failed", 0.5, "no rows"),
    ]
    started = dt.datetime(2026, 11, 23, 3, 0, 1, tzinfo=dt.UTC)
    record = RunRecord(
        "newsletter-training",
        dt.date(2026, 11, 23),
        started,
        13.0,
        False,
        "the query reads 5 MB",
        steps,
        "evaluation split: no row",
    )
    path = record.write(tmp_path)
    assert path == tmp_path / "runs" / "newsletter-training-20261123T030001.000000Z.json"
    assert json.loads(path.read_text()) == {
        "pipeline": "newsletter-training",
        "run_date": "2026-11-23",
        "started_at": "2026-11-23T03:00:01+00:00",
        "seconds": 13.0,
        "succeeded": False,
        "refusal": "evaluation split: no row",
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
    assert evidence_of(path) is None


def test_a_training_says_what_came_of_it(tmp_path: Path) -> None:
    found = evidence(
        "not_blessed", "not_blessed", {"value": (-0.4, -0.1, "worse")}, compared_with="a version"
    )
    started = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    path = RunRecord(
        "tiny-training", dt.date(2026, 11, 23), started, 1.0, True, None, [], evidence=found
    ).write(tmp_path)
    told = json.loads(path.read_text())
    assert (told["verdict"], told["outcome"], told["version"]) == ("not_blessed", "not_blessed", None)
    assert told["compared_with"] == "a version"
    assert told["failed_checks"] == ["value"]
    assert told["drifted"] is None
    assert told["values"]["difference"] == {"value": 0.02, "low": 0.015, "high": 0.0254}
    assert told["values"]["candidate"] == {"value": 0.12, "low": 0.11, "high": 0.13}
    assert told["refusal"] is None
    assert evidence_of(path) == found
    assert page_of(path).name == "tiny-training-20261123T000000.000000Z.html"


def test_a_prediction_says_what_was_stored(tmp_path: Path) -> None:
    started = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
    steps = [StepEvent("BulkInferrer", "finished", 12.0)]
    record = RunRecord(
        "tiny-prediction", started.date(), started, 75.4, True, None, steps, evidence=shifted()
    )
    path = record.write(tmp_path)
    told = json.loads(path.read_text())
    assert (told["users"], told["rows_refused"], told["most_changed"]) == (10_000, 0, NAMES[0])
    assert told["warnings"][0].startswith("the first places of 46% of the users changed")
    assert day_of(path) == (shifted(), record.took)
    assert evidence_of(path) is None
    trained = RunRecord("tiny-training", started.date(), started, 1.0, True, None, [], evidence=evidence())
    assert day_of(trained.write(tmp_path)) is None
