"""The step itself: files of examples -> graph and files of transformed examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsletter_bandit.errors import DataError
from tests.in_process import BEAM_ARGS
from tests.tiny import Prepared

pytestmark = pytest.mark.pipeline


def run(folder: Path, prepared: Prepared, splits: dict[str, list[bytes]]) -> Path:
    """Runs the executor as the launcher does; the folder with `graph` and `transformed`."""
    import tensorflow as tf
    import tensorflow_transform as tft
    from google.protobuf import text_format
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import artifact_utils, standard_artifacts

    from components.transform.executor import Executor

    for split, serialized in splits.items():
        target = folder / "examples" / f"Split-{split}"
        target.mkdir(parents=True)
        for number in range(2 if serialized else 0):
            with tf.io.TFRecordWriter(str(target / f"rows-{number}.gz"), "GZIP") as writer:
                for example in serialized[number::2]:
                    writer.write(example)
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri, schema.uri = str(folder / "examples"), str(folder / "schema")
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    (folder / "schema").mkdir()
    raw = tft.TFTransformOutput(prepared.transform_output).raw_metadata.schema
    (folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(raw))
    graph, transformed = standard_artifacts.TransformGraph(), standard_artifacts.Examples()
    graph.uri, transformed.uri = str(folder / "graph"), str(folder / "transformed")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    Executor(context).Do(
        {"examples": [examples], "schema": [schema]},
        {"transform_graph": [graph], "transformed_examples": [transformed]},
        {
            "preprocessing_fn": "components.transform.preprocessing.preprocessing_fn",
            "custom_config": json.dumps({"use_case": prepared.use_case.to_json()}),
        },
    )
    assert transformed.split_names == examples.split_names
    return folder


def read(folder: Path, split: str) -> list[dict[str, Any]]:
    """Transformed rows of a split, in the order of its files."""
    import tensorflow as tf

    files = sorted(map(str, (folder / "transformed" / f"Split-{split}").iterdir()))
    rows = []
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        kinds = {name: feature.WhichOneof("kind") for name, feature in features.items()}
        rows.append({name: list(getattr(features[name], kind).value) for name, kind in kinds.items()})
    return rows


TRAIN = slice(0, 800)
EVAL = slice(800, 1001)


@pytest.fixture(scope="module")
def ran(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a run over both splits."""
    rows = prepared.serialized
    return run(tmp_path_factory.mktemp("transform"), prepared, {"train": rows[TRAIN], "eval": rows[EVAL]})


def test_each_row_is_what_the_graph_makes_of_it(ran: Path, prepared: Prepared) -> None:
    import tensorflow as tf
    import tensorflow_transform as tft

    train, held_out = prepared.serialized[TRAIN], prepared.serialized[EVAL]
    output = tft.TFTransformOutput(str(ran / "graph"))
    layer = output.transform_features_layer()
    for split, serialized in (("train", train), ("eval", held_out)):
        in_order = serialized[::2] + serialized[1::2]
        expected = layer(tf.io.parse_example(tf.constant(in_order), output.raw_feature_spec()))
        found = read(ran, split)
        assert len(found) == len(serialized)
        assert found[0].keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal([row[name] for row in found], values.numpy(), err_msg=name)


def test_only_the_training_rows_are_analysed(ran: Path, tmp_path: Path, prepared: Prepared) -> None:
    rows = prepared.serialized
    other = run(tmp_path, prepared, {"train": rows[TRAIN], "eval": rows[1100:1400]})
    assert read(ran, "train") == read(other, "train")


def test_a_split_without_files_is_refused(tmp_path: Path, prepared: Prepared) -> None:
    with pytest.raises(DataError, match=r"found no file in .*Split-eval; allowed: one or more"):
        run(tmp_path, prepared, {"train": prepared.serialized[:50], "eval": []})
