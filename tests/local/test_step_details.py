"""The typed reading of each step's product."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.prediction_storer.produced import Summary
from components.pushing_finalizer.produced import Publication
from components.trainer.produced import Training
from newsletter_bandit.errors import DataError
from newsletter_bandit.registry.evidence import Refitted
from pipelines.local.step_details import produced
from tests.evidence_records import decision, metrics, verdict

SUMMARY = Summary(
    "v1", "2026-11-23T00:00:00+00:00", 2001, 1999, 2, {"score_not_finite": 2}, "x", "2026-12-01"
)


def found(step: str, output: str, folder: Path) -> tuple[str, dict[str, int]]:
    what = produced(step, {output: str(folder)})
    assert what is not None
    return what.phrase, what.figures


def test_statistics_are_counted_by_split(tmp_path: Path) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    for split, rows in (("train", 8000), ("eval", 2000)):
        (tmp_path / f"Split-{split}").mkdir()
        statistics = statistics_pb2.DatasetFeatureStatisticsList()
        statistics.datasets.add(num_examples=rows)
        path = tmp_path / f"Split-{split}" / "FeatureStats.pb"
        path.write_bytes(statistics.SerializeToString())
    phrase, figures = found("StatisticsGen", "statistics", tmp_path)
    assert (phrase, figures) == (
        "8,000 train and 2,000 eval rows",
        {"train_rows": 8000, "eval_rows": 2000},
    )


@pytest.mark.parametrize("step", ["DuckDBExampleGen", "BigQueryExampleGen"])
def test_examples_are_counted_in_bytes(tmp_path: Path, step: str) -> None:
    for split in ("train", "eval"):
        (tmp_path / f"Split-{split}").mkdir()
        (tmp_path / f"Split-{split}" / "rows.gz").write_bytes(b"\0" * 600_000)
    assert found(step, "examples", tmp_path) == ("1.2 MB of examples", {"bytes_written": 1_200_000})


@pytest.mark.parametrize(
    ("measured", "phrase"),
    [
        ({}, "lin_ucb on 8,000 rows"),
        ({"loss": 0.12345, "step": 40}, "lin_ucb on 8,000 rows, loss 0.1235"),
        ({"loss": float("nan"), "step": 40}, "lin_ucb on 8,000 rows, loss nan"),
    ],
)
def test_a_training(tmp_path: Path, measured: dict[str, float], phrase: str) -> None:
    (tmp_path / "training.json").write_text(Training("lin_ucb", 8000, measured).to_json())
    assert found("Trainer", "model_run", tmp_path) == (phrase, {"rows": 8000})


def test_what_a_training_left_out(tmp_path: Path) -> None:
    training = Training("lin_ucb", 8000, {}, ("age", "visits"), {"deals": 8000, "refill": 0})
    (tmp_path / "training.json").write_text(training.to_json())
    phrase = "lin_ucb on 8,000 rows; left out as constant: age, visits; never tried: refill"
    assert found("Trainer", "model_run", tmp_path) == (phrase, {"rows": 8000})


def test_a_verdict(tmp_path: Path) -> None:
    metrics().write(tmp_path)
    verdict("cannot_tell").write(tmp_path)
    assert found("Evaluator", "evaluation", tmp_path) == ("cannot tell, compared with logging policy", {})


@pytest.mark.parametrize(
    ("refitted", "phrase", "figures"),
    [
        (Refitted("taken", "", rows=57_000), "taken, on 57,000 rows", {"rows": 57_000}),
        (Refitted("not_made", "the gate did not bless the model"), "not made", {}),
    ],
)
def test_a_refit(tmp_path: Path, refitted: Refitted, phrase: str, figures: dict[str, int]) -> None:
    refitted.write(tmp_path)
    assert found("Refitter", "refit", tmp_path) == (phrase, figures)


def test_a_decision(tmp_path: Path) -> None:
    decision("eval_policy", 0.0).write(tmp_path)
    assert found("ServingModelResolver", "decision", tmp_path) == ("serves the eval policy", {})


@pytest.mark.parametrize(
    ("publication", "phrase"),
    [
        (Publication("published", "v1", "blessed", looks=2), "v1 is in production"),
        (
            Publication("superseded", "v2", "compared with v1, but v3 is in production now"),
            "v2 is not in production: superseded; compared with v1, but v3 is in production now",
        ),
        (
            Publication("not_blessed", None, "not blessed; failed: value"),
            "nothing published: not blessed; failed: value",
        ),
    ],
)
def test_a_publication(tmp_path: Path, publication: Publication, phrase: str) -> None:
    publication.write(str(tmp_path))
    assert found("PushingFinalizer", "publication", tmp_path) == (phrase, {})


def test_stored_rankings(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(SUMMARY.to_json())
    assert Summary.of({"summary": str(tmp_path)}) == SUMMARY
    assert found("PredictionStorer", "summary", tmp_path) == (
        "1,999 rankings stored, 2 rows refused",
        {"users_read": 2001, "users_stored": 1999, "users_rejected": 2},
    )


def test_a_step_that_says_nothing_or_made_nothing(tmp_path: Path) -> None:
    assert produced("Pusher", {"pushed_model": str(tmp_path)}) is None
    assert produced("Trainer", {}) is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"training\.json: cannot be read"):
        produced("Trainer", {"model_run": str(tmp_path)})
