"""The step's statistics are TFDV's of the same rows, wherever the files are cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_process import BEAM_ARGS
from tests.tiny import Prepared

pytestmark = pytest.mark.pipeline


def test_statistics_of_each_split(tmp_path: Path, prepared: Prepared) -> None:
    import tensorflow as tf
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics import stats_impl
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import artifact_utils, standard_artifacts
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    from components.statistics_gen.executor import Executor

    splits = {"train": prepared.serialized[:700], "eval": prepared.serialized[700:900]}
    for split, serialized in splits.items():
        folder = tmp_path / "examples" / f"Split-{split}"
        folder.mkdir(parents=True)
        for number in range(3):
            with tf.io.TFRecordWriter(str(folder / f"rows-{number}.gz"), "GZIP") as writer:
                for example in serialized[number::3]:
                    writer.write(example)
    examples, statistics = standard_artifacts.Examples(), standard_artifacts.ExampleStatistics()
    examples.uri, statistics.uri = str(tmp_path / "examples"), str(tmp_path / "statistics")
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=BEAM_ARGS, tmp_dir=str(tmp_path / "tmp"), unique_id="1"
    )
    Executor(context).Do({"examples": [examples]}, {"statistics": [statistics]}, {"exclude_splits": "[]"})

    assert statistics.split_names == examples.split_names
    for split, serialized in splits.items():
        path = tmp_path / "statistics" / f"Split-{split}" / "FeatureStats.pb"
        (found,) = tfdv.load_stats_binary(str(path)).datasets
        whole = ExamplesToRecordBatchDecoder().DecodeBatch(serialized)
        (expected,) = stats_impl.generate_statistics_in_memory(whole).datasets
        assert found.num_examples == len(serialized)
        features = {feature.path.step[0]: feature for feature in expected.features}
        assert {feature.path.step[0] for feature in found.features} == features.keys()
        for feature in found.features:
            theirs = features[feature.path.step[0]]
            assert feature.type == theirs.type
            if feature.HasField("num_stats"):
                assert feature.num_stats.mean == pytest.approx(theirs.num_stats.mean)
                assert feature.num_stats.min == theirs.num_stats.min
                assert feature.num_stats.max == theirs.num_stats.max
                assert feature.num_stats.common_stats.num_missing == theirs.num_stats.common_stats.num_missing
            else:
                assert feature.string_stats.unique == theirs.string_stats.unique
                assert (
                    feature.string_stats.common_stats.num_missing
                    == theirs.string_stats.common_stats.num_missing
                )
