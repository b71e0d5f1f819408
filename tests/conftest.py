"""What several rooms' tests share: TensorFlow's switches and one Transform output, made when first asked for."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.tiny import Prepared, encode, make_rows, make_use_case

# Before anything imports TensorFlow: TF-Agents needs the Keras that it was written for.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts first what takes longest, so that no worker is left alone with it: whole pipelines, then what trains."""
    items.sort(
        key=lambda item: (
            item.get_closest_marker("pipeline") is None,
            "prepared" not in getattr(item, "fixturenames", ()),
        )
    )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Runs Transform itself over 3,000 rows with Beam's in-process runner."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
    from tfx_bsl.coders import example_coder
    from tfx_bsl.tfxio import tf_example_record

    from components.transform.preprocessing import preprocessing_fn

    use_case = make_use_case()
    rows = make_rows(3000, seed=5)
    serialized = [encode(row) for row in rows]
    spec: dict[str, Any] = {
        name: tf.io.FixedLenFeature([1], dtype)
        for name, dtype in {
            "user_id": tf.string,
            "campaign": tf.string,
            "recommender": tf.string,
            "policy_version": tf.string,
            "propensity": tf.float32,
            "reward": tf.float32,
            "clicked": tf.int64,
            "unsubscribed": tf.int64,
        }.items()
    }
    spec |= {
        "eligible_recommenders": tf.io.VarLenFeature(tf.string),
        "colour": tf.io.VarLenFeature(tf.string),
    }
    spec |= {"height": tf.io.VarLenFeature(tf.float32), "weight": tf.io.VarLenFeature(tf.float32)}
    spec |= {"member": tf.io.VarLenFeature(tf.int64)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))

    folder = tmp_path_factory.mktemp("transform")
    config = {"use_case": use_case.to_json()}
    examples = tf_example_record.TFExampleBeamRecord(
        physical_format="inmem", schema=metadata.schema, telemetry_descriptors=["test"]
    )
    with (
        beam.Pipeline(runner="FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=str(folder / "temp")),
    ):
        raw = pipeline | beam.Create(serialized) | examples.BeamSource()
        transformed, transform_fn = (
            raw,
            examples.TensorAdapterConfig(),
        ) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: preprocessing_fn(inputs, config), output_record_batches=True
        )
        transform_fn | tft_beam.WriteTransformFn(str(folder / "output"))
        metadata | tft_beam.WriteMetadata(str(folder / "output" / "metadata"), pipeline)
        data, transformed_metadata = transformed
        encoder = example_coder.RecordBatchToExamplesEncoder(transformed_metadata.schema)
        (
            data
            | beam.FlatMapTuple(lambda batch, _: encoder.encode(batch))
            | beam.io.WriteToTFRecord(str(folder / "examples"), file_name_suffix=".gz", num_shards=2)
        )
    return Prepared(
        use_case, rows, serialized, str(folder / "output"), [str(p) for p in folder.glob("examples*.gz")]
    )
