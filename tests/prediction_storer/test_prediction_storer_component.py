"""The step inside TFX: its executor on files as BulkInferrer writes them, and its compiled form."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tfx import v1 as tfx
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts
from tfx.types.experimental.simple_artifacts import File

from components.bulk_inferrer.files import PredictionsWriter
from components.bulk_inferrer.groups import groups_file, write_groups
from components.prediction_storer.component import PredictionStorer
from components.prediction_storer.executor import Executor
from components.prediction_storer.post_process import Row
from newsletter_bandit.errors import DataError
from newsletter_bandit.reports.prediction_day import PredictionDay
from newsletter_bandit.reports.prediction_day.evidence import EarlierDay
from newsletter_bandit.settings.environment import DatastoreStore
from newsletter_bandit.settings.environment import SQLiteStore as Settings
from newsletter_bandit.settings.use_case import UseCase
from serving.stores.sqlite import SQLiteStore
from tests.in_process import BEAM_ARGS
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


def run_step(
    folder: Path,
    rows: list[Row],
    split: str = "inference",
    use_case: UseCase = USE_CASE,
    run_date: str = "2026-03-02",
    force: bool = False,
) -> Path:
    """Runs the executor over ``rows`` in two files; returns the folder of its output."""
    predictions = standard_artifacts.Examples()
    predictions.uri = str(folder / "predictions")
    predictions.split_names = json.dumps([split])
    predictions.set_string_custom_property("version", "7")
    predictions.set_string_custom_property("run_date", run_date)
    predictions.set_string_custom_property("snapshot_date", "2026-02-28")
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
        use_case=use_case,
        last_stored=str(folder / "last_stored.json"),
        force=force,
    )
    context = BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder / "tmp"))
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


def test_an_earlier_day_replaces_no_newer_ranking_unless_that_is_meant(tmp_path: Path) -> None:
    def made_for() -> str:
        store = SQLiteStore(tmp_path / "rankings.sqlite", read_only=True)
        found = store.get("user-1")
        store.close()
        assert found is not None
        return f"{found.generated_at:%Y-%m-%d}"

    run_step(tmp_path, [row()])
    with pytest.raises(DataError, match=r"made for 2026-03-02, which those for 2026-03-01 would.*--force"):
        run_step(tmp_path, [row()], run_date="2026-03-01")
    assert made_for() == "2026-03-02"
    for day in ("2026-03-02", "2026-03-03"):
        run_step(tmp_path, [row()], run_date=day)
        assert made_for() == day
    run_step(tmp_path, [row()], run_date="2026-03-01", force=True)
    assert made_for() == "2026-03-01"


def test_a_store_that_loses_what_it_confirmed_is_found_out(tmp_path: Path) -> None:
    run_step(tmp_path, [row("user-0")])
    with sqlite3.connect(tmp_path / "rankings.sqlite") as connection:
        connection.execute(
            "CREATE TRIGGER forgetful AFTER INSERT ON rankings WHEN NEW.user_id LIKE '%7' "
            "BEGIN DELETE FROM rankings WHERE user_id = NEW.user_id; END"
        )
    rows = [row(f"user-{number}") for number in range(40)]
    with pytest.raises(DataError, match=r"40 rankings were written, and it holds 36; of 40 .*, 4 are"):
        run_step(tmp_path, rows)
    # Not found by counting, as others are there; but by looking.
    with sqlite3.connect(tmp_path / "rankings.sqlite") as connection:
        connection.execute("DROP TRIGGER forgetful")
    run_step(tmp_path, rows)
    with sqlite3.connect(tmp_path / "rankings.sqlite") as connection:
        connection.execute(
            "CREATE TRIGGER stubborn BEFORE UPDATE ON rankings WHEN NEW.user_id = 'user-3' "
            "BEGIN SELECT RAISE(IGNORE); END"
        )
    with pytest.raises(DataError, match=r"40 rankings were written, and it holds 40; of 40 .*, 1 are"):
        run_step(tmp_path, rows, run_date="2026-03-03")


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


def storing(**bounds: float) -> UseCase:
    return UseCase.model_validate({**USE_CASE.model_dump(), "storing": {"judged_from_users": 10, **bounds}})


def ranked(first: list[bytes]) -> list[Row]:
    """One user per name, which comes first; the other two of the recommenders follow."""
    names = [b"deals", b"refill", b"top_rated"]
    return [
        row(
            f"user-{number}",
            recommenders=[name, *(other for other in names if other != name)],
            scores=[0.3, 0.2, 0.1],
            propensities=[0.9, 0.5, 1.0],
        )
        for number, name in enumerate(first)
    ]


def test_scores_far_outside_the_reward_are_not_stored(tmp_path: Path) -> None:
    """If rewards are in [-1, 1], scores from -3 to 3 are stored."""
    rows = ranked([b"deals", b"refill"] * 10)
    broken = [row(f"broken-{number}", scores=[11_100.0, -2_680.0, 0.0]) for number in range(8)]
    with pytest.raises(DataError, match=r"8 of 28 rows cannot be stored \(score_out_of_range 8\)"):
        run_step(tmp_path, [*rows, *broken])
    assert not (tmp_path / "rankings.sqlite").exists()
    wide = storing(max_score_excess=6000.0)
    run_step(tmp_path, [*rows, *broken], use_case=wide)
    assert SQLiteStore(tmp_path / "rankings.sqlite", read_only=True).count() == 28


def test_a_collapsed_distribution_is_not_stored(tmp_path: Path) -> None:
    rows = ranked([b"deals"] * 95 + [b"refill"] * 5)
    message = r"deals is first for 95.0% of 100 users, in 2 different rankings; allowed: 90.0% \(storing.max"
    with pytest.raises(DataError, match=message):
        run_step(tmp_path, rows, use_case=storing(max_first_share=0.9))
    with pytest.raises(DataError, match="found 2 different rankings for 100 users; allowed: 3 or more"):
        run_step(tmp_path, rows, use_case=storing(min_distinct_rankings=3))
    assert not (tmp_path / "rankings.sqlite").exists()
    run_step(tmp_path, rows, use_case=storing())
    assert SQLiteStore(tmp_path / "rankings.sqlite", read_only=True).count() == 100


def test_a_jump_of_first_slots_is_not_stored(tmp_path: Path) -> None:
    run_step(tmp_path, ranked([b"deals"] * 60 + [b"refill"] * 40), use_case=storing())
    moved = ranked([b"deals"] * 20 + [b"top_rated"] * 80)
    message = (
        r"80% of the users get another first recommender than in the run of 2026-03-02 with model 7 "
        r"\(top_rated: 0.0% then, 80.0% now\); allowed: 50% \(storing.max_share_change\)"
    )
    with pytest.raises(DataError, match=message):
        run_step(tmp_path, moved, use_case=storing())
    found = SQLiteStore(tmp_path / "rankings.sqlite", read_only=True).get("user-99")
    assert found is not None
    assert found.recommenders[0] == "refill"
    run_step(tmp_path, moved, use_case=storing(max_share_change=1.0))
    # The next run is compared with this one.
    run_step(tmp_path, moved, use_case=storing(max_share_change=0.01))


def test_the_page_of_the_day_compares_with_the_day_before(tmp_path: Path) -> None:
    write_groups(groups_file(str(tmp_path / "predictions"), "0"), Counter({("age", "30", "deals"): 40}))
    run_step(tmp_path, ranked([b"deals"] * 60 + [b"refill"] * 40))
    day = PredictionDay.read(run_step(tmp_path, [*ranked([b"deals"] * 50), row("")]))
    # The first one was for the same day.
    assert (day.run_date, day.before) == (dt.date(2026, 3, 2), None)
    assert (day.users, day.rows, day.rejected) == (50, 51, {"missing_user_id": 1})
    (place,) = day.first
    assert (place.recommender, place.users, place.explored) == ("deals", 50, 50)
    assert place.median == pytest.approx(0.3, abs=0.001)
    assert day.store is not None
    assert day.store.rankings == 100  # of which 50 are those of the first run
    assert (day.snapshot, day.trained_until, day.options) == (dt.date(2026, 2, 28), None, None)
    assert [(group.value, group.total) for group in day.groups] == [("30", 40)]
    output = run_step(tmp_path, ranked([b"top_rated"] * 10), run_date="2026-03-03")
    later = PredictionDay.read(output)
    assert later.before == EarlierDay(dt.date(2026, 3, 2), "7", {"deals": 50})
    text = (output / "prediction_day.html").read_text()
    assert "Stored, but not served" in text  # these days are long past
    assert "user-" not in text
    assert "user-" not in (output / "prediction_day.json").read_text()


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
        last_stored="gs://bucket/root/last_stored.json",
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
        "patience_seconds": 120.0,
    }
