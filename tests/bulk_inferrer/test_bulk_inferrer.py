"""The step inside TFX, over a model small enough to work out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf
from tfx import v1 as tfx
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.bulk_inferrer.component import BulkInferrer
from components.bulk_inferrer.executor import Executor
from components.bulk_inferrer.files import PredictionsWriter, read_predictions
from components.bulk_inferrer.groups import read_groups
from components.bulk_inferrer.schema import SCHEMA
from components.bulk_inferrer.scoring import BATCH
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import POLICY_OUTPUTS
from newsletter_bandit.settings.use_case import UseCase
from tests.in_process import BEAM_ARGS
from tests.ranking_model import policy_outputs
from tests.tiny import make_use_case

USE_CASE = make_use_case()


class TwoRecommenders(tf.Module):
    """Ranks `refill` first for the young; the score is the age."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def rank(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = tf.io.parse_example(
            examples,
            {"user_id": tf.io.FixedLenFeature([1], tf.string), "age": tf.io.FixedLenFeature([1], tf.float32)},
        )
        age = features["age"]
        names = tf.where(age < 30.0, [["refill", "deals"]], [["deals", ""]])
        return policy_outputs(
            user_id=features["user_id"],
            recommenders=names,
            scores=tf.concat([age, age / 2], axis=1),
            propensities=tf.where(age < 30.0, [[0.75, 1.0]], [[1.0, 0.0]]),
            an_output_of_tomorrow=age,
        )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("model")
    module = TwoRecommenders()
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures={"serving_default": module.rank})
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    artifact.set_string_custom_property("version", "7")
    return artifact


def examples(folder: Path, users: int, files: int, split: str = "inference") -> Any:
    """User number u is u years old; files take turns."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder / "examples")
    artifact.split_names = json.dumps([split])
    artifact.set_string_custom_property("run_date", "2026-11-23")
    target = Path(artifact.uri) / f"Split-{split}"
    target.mkdir(parents=True)
    for number in range(files):
        with tf.io.TFRecordWriter(str(target / f"data_tfrecord-{number:05d}.gz"), "GZIP") as writer:
            for user in range(number, users, files):
                example = tf.train.Example()
                example.features.feature["user_id"].bytes_list.value.append(f"user-{user}".encode())
                example.features.feature["age"].float_list.value.append(user)
                if user % 2:
                    example.features.feature["colour"].bytes_list.value.append("grün".encode())
                writer.write(example.SerializeToString())
    return artifact


def run_step(folder: Path, users: Any, model: Any, use_case: UseCase = USE_CASE) -> list[Path]:
    output = standard_artifacts.Examples()
    output.uri = str(folder / "predictions")
    component = BulkInferrer(
        examples=tfx.dsl.Channel(type=standard_artifacts.Examples),
        model=tfx.dsl.Channel(type=standard_artifacts.Model),
        use_case=use_case,
    )
    context = BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder / "tmp"))
    Executor(context).Do(
        {"examples": [users], "model": [model]}, {"output_examples": [output]}, component.exec_properties
    )
    assert json.loads(output.split_names) == ["inference"]
    # What PredictionStorer stamps the rankings with.
    assert output.get_string_custom_property("version") == "7"
    assert output.get_string_custom_property("run_date") == "2026-11-23"
    return sorted((Path(output.uri) / "Split-inference").iterdir())


def test_a_file_of_predictions_for_each_file_of_users(model: Any, tmp_path: Path) -> None:
    users = examples(tmp_path, 70, files=2)
    files = run_step(tmp_path, users, model)
    assert [path.name for path in files] == [
        "predictions-00000-of-00002.parquet",
        "predictions-00001-of-00002.parquet",
    ]
    table = pa.Table.from_batches(list(read_predictions(str(files[1]))))
    assert table.schema.equals(SCHEMA)
    assert tuple(SCHEMA.names) == POLICY_OUTPUTS
    rows = table.to_pylist()
    assert [row["user_id"] for row in rows] == [f"user-{user}".encode() for user in range(1, 70, 2)]
    assert rows[0] == {
        "user_id": b"user-1",
        "campaign": b"monday",
        "recommenders": [b"refill", b"deals"],
        "scores": [1.0, 0.5],
        "propensities": [0.75, 1.0],
        "explored": 0,
        "expires_after_days": 8,
    }
    assert rows[-1]["recommenders"] == [b"deals", b""]
    before = [path.read_bytes() for path in files]
    # A retry replaces the files by the same.
    assert [path.read_bytes() for path in run_step(tmp_path, users, model)] == before


def test_users_are_counted_by_group_and_first_recommender(model: Any, tmp_path: Path) -> None:
    flag = {"type": "bool"}
    settings = USE_CASE.model_dump(mode="json")
    settings |= {"features": settings["features"] | {"member": flag}, "slices": ["colour", "member"]}
    users = examples(tmp_path, 70, files=2)
    run_step(tmp_path, users, model, UseCase.model_validate(settings))
    # 30 of 70 users are younger than 30. No example has a value of the second feature.
    assert read_groups(str(tmp_path / "predictions")) == {
        "colour": {
            "": {"deals": 20, "refill": 15},
            "grün": {"deals": 20, "refill": 15},
        },
        "member": {"": {"deals": 40, "refill": 30}},
    }


def test_more_than_a_batch_in_a_file(model: Any, tmp_path: Path) -> None:
    (path,) = run_step(tmp_path, examples(tmp_path, BATCH + 5, files=1), model)
    found = [user for batch in read_predictions(str(path)) for user in batch.column(0).to_pylist()]
    assert found == [f"user-{user}".encode() for user in range(BATCH + 5)]


def test_no_file_to_score(model: Any, tmp_path: Path) -> None:
    users = examples(tmp_path, 1, files=1)
    for path in (tmp_path / "examples" / "Split-inference").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="found no file"):
        run_step(tmp_path, users, model)


def test_an_older_model_does_not_know_of_retired_recommenders(model: Any, tmp_path: Path) -> None:
    """One without the variables is scored as it is, but never as if it masked what it cannot."""
    retiring = make_use_case(retired=["c"])
    with pytest.raises(DataError, match="trained before recommenders could be retired or renamed"):
        run_step(tmp_path, examples(tmp_path, 3, files=1), model, retiring)


class StoppedError(Exception):
    """Something went wrong in the middle."""


def stop_in_the_middle(path: Path) -> None:
    with PredictionsWriter(str(path)) as writer:
        writer.write(pa.record_batch([pa.array([], field.type) for field in SCHEMA], schema=SCHEMA))
        raise StoppedError


def test_nothing_in_production(tmp_path: Path) -> None:
    empty = standard_artifacts.Model()
    empty.uri = str(tmp_path / "model")
    empty.set_string_custom_property("version", "")
    with pytest.raises(DataError, match="no model is in production"):
        run_step(tmp_path, examples(tmp_path, 1, files=1), empty)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        stop_in_the_middle(tmp_path / "predictions.parquet")
    assert list(tmp_path.iterdir()) == []
