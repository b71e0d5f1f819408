"""The curated schema, and the step that refuses examples which contradict it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import encode, make_rows, make_use_case

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for row in rows:
            writer.write(encode(row))
    return path


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return make_use_case()


@pytest.mark.parametrize("name", ["newsletter", "hillstrom"])
def test_the_committed_schemas_are_those_of_their_use_cases(name: str) -> None:
    import tensorflow_data_validation as tfdv

    from components.example_validator.implied_schema import curated_schema

    committed = tfdv.load_schema_text(str(CONFIGS / "schemas" / f"{name}.pbtxt"))
    assert committed == curated_schema(load_use_case(CONFIGS / f"{name}.yaml"))


def test_the_contract_parses_dense_and_features_sparse(use_case: UseCase) -> None:
    import tensorflow as tf
    from tensorflow_transform.tf_metadata import schema_utils

    from components.example_validator.implied_schema import curated_schema

    dense, sparse = tf.io.FixedLenFeature, tf.io.VarLenFeature
    assert schema_utils.schema_as_feature_spec(curated_schema(use_case)).feature_spec == {
        "user_id": dense([1], tf.string),
        "campaign": dense([1], tf.string),
        "recommender": dense([1], tf.string),
        "propensity": dense([1], tf.float32),
        "policy_version": dense([1], tf.string),
        "clicked": dense([1], tf.int64),
        "unsubscribed": dense([1], tf.int64),
        "reward": dense([1], tf.float32),
        "eligible_recommenders": sparse(tf.string),
        "colour": sparse(tf.string),
        "height": sparse(tf.float32),
        "weight": sparse(tf.float32),
        "member": sparse(tf.int64),
    }


def test_a_schema_is_written_from_examples(tmp_path: Path, use_case: UseCase) -> None:
    import tensorflow_data_validation as tfdv

    from components.example_validator.curate import write_schema
    from components.example_validator.implied_schema import curated_schema

    rows = [{**row, "shoe": 42.5} for row in make_rows(200, seed=1)]
    output = tmp_path / "schemas" / "tiny.pbtxt"
    schema = write_schema(use_case, [_write(tmp_path / "rows.gz", rows)], output)
    assert tfdv.load_schema_text(str(output)) == schema
    names = [feature.name for feature in curated_schema(use_case).feature]
    assert [feature.name for feature in schema.feature] == [*names, "shoe"]
    assert list(schema.feature[-1].not_in_environment) == ["SERVING"]


def test_a_schema_is_written_from_the_warehouse(tmp_path: Path, use_case: UseCase) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from components.example_validator.curate import write_schema
    from components.example_validator.implied_schema import curated_schema
    from newsletter_bandit.warehouse.ingest import ingest

    rows = [
        {
            **row,
            "sent_at": dt.datetime(2024, 1, 10 + i % 9),
            "clicked": bool(row["clicked"]),
            "unsubscribed": False,
        }
        for i, row in enumerate(make_rows(60, seed=1))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    ingest(tmp_path / "w.duckdb", use_case, "training", [tmp_path / "rows.parquet"])
    warehouse = DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb"))
    assert write_schema(use_case, warehouse, tmp_path / "tiny.pbtxt") == curated_schema(use_case)


def test_no_schema_is_written_of_data_that_contradicts_the_use_case(
    tmp_path: Path, use_case: UseCase
) -> None:
    from components.example_validator.curate import write_schema

    output = tmp_path / "tiny.pbtxt"
    output.write_text("curated by hand")
    rows = make_rows(50, seed=1)
    rows[3]["recommender"] = "zz"
    with pytest.raises(DataError, match=r"(?s)does not fit the use case:.*feature recommender: .*zz"):
        write_schema(use_case, [_write(tmp_path / "rows.gz", rows)], output)
    with pytest.raises(DataError, match="no row to infer a schema from"):
        write_schema(use_case, [_write(tmp_path / "none.gz", [])], output)
    (tmp_path / "text.gz").write_text("text")
    with pytest.raises(DataError, match=r"text\.gz: not a TFRecord file"):
        write_schema(use_case, [tmp_path / "text.gz"], output)
    with pytest.raises(DataError, match=r"gone\.gz: no such file"):
        write_schema(use_case, [tmp_path / "gone.gz"], output)
    assert output.read_text() == "curated by hand"


def _validate(folder: Path, use_case: UseCase, splits: dict[str, list[dict[str, Any]]]) -> Path:
    """Runs the component's executor on statistics of the rows; the folder of the anomalies."""
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics import stats_impl
    from tfx.types import artifact_utils, channel_utils, standard_artifacts
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    from components.example_validator.component import StrictExampleValidator
    from components.example_validator.implied_schema import curated_schema

    statistics, schema = standard_artifacts.ExampleStatistics(), standard_artifacts.Schema()
    anomalies = standard_artifacts.ExampleAnomalies()
    for name, artifact in {"statistics": statistics, "schema": schema, "anomalies": anomalies}.items():
        artifact.uri = str(folder / name)
    statistics.split_names = artifact_utils.encode_split_names(list(splits))
    for name, rows in splits.items():
        batch = ExamplesToRecordBatchDecoder().DecodeBatch([encode(row) for row in rows])
        split = folder / "statistics" / f"Split-{name}"
        split.mkdir(parents=True)
        tfdv.write_stats_text(
            stats_impl.generate_statistics_in_memory(batch), str(split / "FeatureStats.pbtxt")
        )
        (split / "FeatureStats.pb").write_bytes(
            tfdv.load_stats_text(str(split / "FeatureStats.pbtxt")).SerializeToString()
        )
        (split / "FeatureStats.pbtxt").unlink()
    (folder / "schema").mkdir()
    tfdv.write_schema_text(curated_schema(use_case), str(folder / "schema" / "schema.pbtxt"))

    component = StrictExampleValidator(
        statistics=channel_utils.as_channel([statistics]), schema=channel_utils.as_channel([schema])
    )
    executor = component.executor_spec.executor_class()
    executor.Do(
        {"statistics": [statistics], "schema": [schema]},
        {"anomalies": [anomalies]},
        dict(component.exec_properties),
    )
    return folder / "anomalies"


def test_good_examples_pass_and_the_anomalies_are_written(tmp_path: Path, use_case: UseCase) -> None:
    rows = make_rows(100, seed=2)
    folder = _validate(tmp_path, use_case, {"train": rows, "eval": rows[:30]})
    assert sorted(path.name for path in folder.iterdir()) == ["Split-eval", "Split-train"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recommender": "zz"}, "feature recommender: .*zz"),
        ({"eligible_recommenders": ["a", "zz"]}, "feature eligible_recommenders: .*zz"),
        ({"propensity": 1.5}, "feature propensity: .*1.5"),
        ({"propensity": 0.0}, "feature propensity: "),
        ({"reward": 2.0}, "feature reward: "),
        ({"clicked": 2}, "feature clicked: "),
        ({"user_id": None}, "feature user_id: "),
        ({"height": "tall"}, "feature height: "),
        ({"height": [1.0, 2.0]}, "feature height: "),
        ({"shoe": 42.5}, "feature shoe: New column"),
    ],
)
def test_a_contradiction_stops_the_run_and_names_split_feature_and_anomaly(
    tmp_path: Path, use_case: UseCase, change: dict[str, Any], message: str
) -> None:
    rows = make_rows(60, seed=3)
    bad = [{**row, **change} for row in rows] if "height" in change else [{**rows[0], **change}, *rows[1:]]
    with pytest.raises(
        DataError, match=f"(?s)contradict the curated schema:\n  split eval: {message}"
    ) as error:
        _validate(tmp_path, use_case, {"train": rows, "eval": bad})
    assert "split train" not in str(error.value)
    assert str(error.value).endswith("`newsletter-bandit schema --overwrite`")
    assert (tmp_path / "anomalies" / "Split-eval" / "SchemaDiff.pb").is_file()


def test_the_step_compiles_for_vertex(tmp_path: Path) -> None:
    from tfx import v1 as tfx

    from components.example_validator.component import StrictExampleValidator

    examples = tfx.components.ImportExampleGen(input_base="examples")
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = tfx.components.ImportSchemaGen(schema_file="schema.pbtxt")
    validator = StrictExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image="image"),
        output_filename=str(tmp_path / "p.json"),
    )
    runner.run(
        tfx.dsl.Pipeline(
            pipeline_name="p",
            pipeline_root=str(tmp_path),
            components=[examples, statistics, schema, validator],
        )
    )
    assert "components.example_validator.component.StrictExecutor" in (tmp_path / "p.json").read_text()
