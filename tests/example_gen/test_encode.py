"""Arrow columns as tf.Examples: the very examples that TFX's BigQueryExampleGen makes of the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.example_gen.encode import serialize, to_feature_lists
from components.example_gen.partition import eval_buckets, split_of
from newsletter_bandit.errors import DataError

SCHEMA = pa.schema(
    {
        "flag": pa.bool_(),
        "count": pa.int64(),
        "number": pa.float64(),
        "word": pa.string(),
        "words": pa.list_(pa.string()),
        "numbers": pa.list_(pa.float64()),
    }
)
BIGQUERY = {
    "flag": "BOOLEAN",
    "count": "INTEGER",
    "number": "FLOAT",
    "word": "STRING",
    "words": "STRING",
    "numbers": "FLOAT",
}
_FLOAT32 = st.floats(width=32, allow_nan=False)
_ROW = st.fixed_dictionaries(
    {
        "flag": st.none() | st.booleans(),
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "number": st.none() | _FLOAT32,
        "word": st.none() | st.text(max_size=4),
        "words": st.lists(st.text(max_size=3), max_size=3),
        "numbers": st.lists(_FLOAT32, max_size=3),
    }
)


@settings(max_examples=50)
@given(rows=st.lists(_ROW, min_size=1, max_size=8), cut=st.integers(0, 3))
def test_examples_equal_those_of_bigquery_example_gen(rows: list[dict[str, Any]], cut: int) -> None:
    import tensorflow as tf
    from tfx.extensions.google_cloud_big_query.utils import row_to_example

    # A slice has an offset into its buffers.
    batch = pa.RecordBatch.from_pylist(rows * 2, SCHEMA).slice(min(cut, len(rows)), len(rows))
    expected = [row_to_example(BIGQUERY, row) for row in (rows * 2)[min(cut, len(rows)) :][: len(rows)]]
    assert [tf.train.Example.FromString(example) for example in serialize(batch)] == expected


def test_nulls_and_types() -> None:
    batch = pa.RecordBatch.from_pylist(
        [{"flag": True, "words": None}, {"number": 0.5, "words": ["a"]}], SCHEMA
    )
    lists = to_feature_lists(batch)
    assert lists.to_pydict() == {
        "flag": [[1], None],
        "count": [None, None],
        "number": [None, [0.5]],
        "word": [None, None],
        "words": [[], [b"a"]],
        "numbers": [[], []],
    }
    assert lists.schema.field("number").type == pa.list_(pa.float32())


def test_refusals() -> None:
    days = pa.record_batch([pa.array([0], pa.date32())], ["day"])
    with pytest.raises(DataError, match=r"column day: a tf\.Example cannot hold date32.*allowed: STRING"):
        to_feature_lists(days)
    gap = pa.record_batch([pa.array([["a", None]])], ["words"])
    with pytest.raises(DataError, match="column words: an ARRAY holds a NULL"):
        to_feature_lists(gap)


@settings(max_examples=50)
@given(value=st.binary(min_size=1, max_size=300), first=st.integers(1, 99))
def test_the_split_of_a_user_is_that_of_tfx(value: bytes, first: int) -> None:
    import tensorflow as tf
    from tfx.components.example_gen.base_example_gen_executor import _PartitionFn
    from tfx.proto import example_gen_pb2

    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    example = tf.train.Example(features=tf.train.Features(feature={"user_id": feature}))
    config = example_gen_pb2.SplitConfig(partition_feature_name="user_id")
    assert split_of(value, [first, 100]) == _PartitionFn(example, 2, [first, 100], config)


@pytest.mark.parametrize(("share", "buckets"), [(0.2, 20), (0.333, 33), (0.001, 1), (0.999, 99)])
def test_eval_buckets(share: float, buckets: int) -> None:
    assert eval_buckets(share) == buckets


def test_the_share_of_users_in_the_eval_split() -> None:
    users = 20_000
    held_out = sum(split_of(b"user-%d" % number, [80, 100]) for number in range(users))
    # Five standard deviations of a binomial count.
    assert abs(held_out - 0.2 * users) < 5 * np.sqrt(users * 0.2 * 0.8)
