"""Transform's output over the tiny rows, made once for all of pytest's workers."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import Any

from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import Prepared, encode, make_rows, make_use_case


def prepared(folder: Path) -> Prepared:
    """Three thousand rows, and what Transform makes of them.

    Args:
      folder: one that all workers of a session share; the first of them runs Transform, the others wait for
        it.
    """
    use_case = make_use_case()
    rows = make_rows(3000, seed=5)
    serialized = [encode(row) for row in rows]
    made = folder / "transform"
    with (folder / "transform.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            # Under its name it is whole.
            part = Path(tempfile.mkdtemp(dir=folder))
            _transform(use_case, serialized, part)
            part.rename(made)
    return Prepared(
        use_case, rows, serialized, str(made / "output"), sorted(str(p) for p in made.glob("examples*.gz"))
    )


def _transform(use_case: UseCase, serialized: list[bytes], folder: Path) -> None:
    """Runs Transform itself with Beam's in-process runner."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
    from tfx_bsl.coders import example_coder
    from tfx_bsl.tfxio import tf_example_record

    from components.transform.preprocessing import preprocessing_fn

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
