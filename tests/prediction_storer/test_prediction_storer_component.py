"""The step inside TFX: its executor on files as BulkInferrer writes them, and its compiled form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx import v1 as tfx
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts
from tfx.types.experimental.simple_artifacts import File

from components.bulk_inferrer.files import PredictionsWriter
from components.prediction_storer.component import PredictionStorer
from components.prediction_storer.executor import Executor
from components.prediction_storer.post_process import Row
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DatastoreStore
from newsletter_bandit.settings.environment import SQLiteStore as Settings
from newsletter_bandit.settings.use_case import UseCase
from serving.stores.sqlite import SQLiteStore
from tests.prediction_storer.prediction_rows import batch, row

USE_CASE = UseCase.model_validate(
    {
        "name": "newsletter",
        "recommenders": ["deals", "refill", "top_rated"],
        "default_ranking": ["deals"],
        "tables": {"training": "newsletter.training", "inference": "newsletter.inference"},
        "features": {"age": {"type": "number"}},
        "agent": {"type": "lin_ucb"},
        # The predictions bring their own expiry, 3 days.
        "freshness": {"expires_after_days": 30},
        "storing": {"max_rejected_share": 0.2},
    }
)


def run_step(folder: Path, rows: list[Row], split: str = "inference") -> Path:
    """Runs the executor over ``rows`` in two files; returns the folder of its output."""
    predictions = standard_artifacts.Examples()
    predictions.uri = str(folder / "predictions")
    predictions.split_names = json.dumps([split])
    predictions.set_string_custom_property("version", "7")
    predictions.set_string_custom_property("run_date", "2026-03-02")
    files = Path(predictions.uri) / f"Split-{split}"
    files.mkdir(parents=True, exist_ok=True)
    for shard in range(2):
        with PredictionsWriter(str(files / f"predictions-0000{shard}-of-00002.parquet")) as writer:
            writer.write(batch(rows[shard::2]))
    summary = File()
    summary.uri = str(folder / "summary" / "1")
    Path(summary.uri).mkdir(parents=True, exist_ok=True)
    component = PredictionStorer(
        predictions=tfx.dsl.Channel(type=standard_artifacts.Examples),
        store=Settings(kind="sqlite", path=str(folder / "rankings.sqlite")),
        use_case=USE_CASE,
    )
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--runner=FnApiRunner"], tmp_dir=str(folder / "tmp")
    )
    Executor(context).Do({"predictions": [predictions]}, {"summary": [summary]}, component.exec_properties)
    return Path(summary.uri)


def test_stores_and_sums_up(tmp_path: Path) -> None:
    rows = [row(f"user-{number}") for number in range(10)]
    output = run_step(tmp_path, [*rows, row("")])
    dead_letters = output / "dead_letters.jsonl"
    assert json.loads((output / "summary.json").read_text()) == {
        "model_version": "7",
        "generated_at": "2026-03-02T00:00:00+00:00",
        "read": 11,
        "stored": 10,
        "rejected": 1,
        "rejected_by_reason": {"missing_user_id": 1},
        "dead_letters": str(dead_letters),
        "expires_at": "2026-03-05T00:00:00+00:00",
    }
    (letter,) = [json.loads(line) for line in dead_letters.read_text().splitlines()]
    assert letter["row"]["campaign"] == ["monday"]

    store = SQLiteStore(tmp_path / "rankings.sqlite", read_only=True)
    found = store.get("user-0")
    assert store.count() == 10
    assert found is not None
    assert found.recommenders == ("refill", "deals")
    # The float32 that the model gave, unrounded.
    assert found.propensities == (0.925000011920929, 1.0)
    assert (found.explored, found.model_version) == (True, "7")
    assert (found.expires_at - found.generated_at).days == 3


def test_no_dead_letters(tmp_path: Path) -> None:
    summary = json.loads((run_step(tmp_path, [row()]) / "summary.json").read_text())
    assert (summary["rejected"], summary["dead_letters"]) == (0, None)


def test_too_many_refused_rows_fail_the_step_and_are_kept(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 of 2 rows cannot be stored") as refused:
        run_step(tmp_path, [row("user-1"), row("user-2", scores=[float("nan")] * 3)])
    kept = tmp_path / "summary" / "1-refused" / "dead_letters.jsonl"
    assert str(kept) in str(refused.value)
    assert json.loads(kept.read_text())["reason"] == "score_not_finite"
    assert not (tmp_path / "rankings.sqlite").exists()
    assert not (tmp_path / "summary" / "1" / "summary.json").exists()


def test_no_rows_fail_the_step(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no rows"):
        run_step(tmp_path, [])


def test_predictions_of_another_split_fail_the_step(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split inference"):
        run_step(tmp_path, [row()], split="train")


def test_a_store_that_cannot_be_written_fails_the_step(tmp_path: Path) -> None:
    (tmp_path / "rankings.sqlite").write_text("not a database, but long enough to be taken for one\n" * 100)
    with pytest.raises(DataError, match="file is not a database"):
        run_step(tmp_path, [row()])


def test_compiles_for_vertex(tmp_path: Path) -> None:
    importer = tfx.dsl.Importer(
        source_uri="gs://bucket/predictions", artifact_type=standard_artifacts.Examples
    )
    storer = PredictionStorer(
        predictions=importer.outputs["result"],
        store=DatastoreStore(kind="datastore", project="my-project", namespace="blue"),
        use_case=USE_CASE,
    )
    pipeline = tfx.dsl.Pipeline(
        "storing",
        "gs://bucket/root",
        components=[importer, storer],
        beam_pipeline_args=["--runner=DataflowRunner"],
    )
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image="image"),
        output_filename=str(tmp_path / "pipeline.json"),
    )
    runner.run(pipeline)
    compiled: dict[str, Any] = json.loads((tmp_path / "pipeline.json").read_text())
    (executor,) = [
        spec["container"]
        for label, spec in compiled["pipelineSpec"]["deploymentSpec"]["executors"].items()
        if "Storer" in label
    ]
    assert "components.prediction_storer.executor.Executor" in json.dumps(executor)
    assert "--runner=DataflowRunner" in executor["args"]
    tasks = compiled["pipelineSpec"]["root"]["dag"]["tasks"]
    store = tasks["PredictionStorer"]["inputs"]["parameters"]["store"]
    assert json.loads(store["runtimeValue"]["constantValue"]["stringValue"]) == {
        "kind": "datastore",
        "project": "my-project",
        "entity_kind": "Ranking",
        "namespace": "blue",
        "throttle_rampup": None,
        "hint_num_workers": None,
    }
