"""The curated schema of a use case: inferred from data, sharpened by what the settings promise.

A person looks the file over and commits it; from then on data that contradicts it stops a training run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
from google.protobuf import text_format
from tensorflow_data_validation import StatsOptions, infer_schema
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2

from components.transform.layout import LABELS
from pipelines.errors import DataError
from pipelines.settings import UseCase

# Rows that the types are inferred from.
SAMPLE_ROWS = 200_000
# A propensity is a probability above 0; the smallest that a policy of use could log.
SMALLEST_PROPENSITY = 1e-6

_REQUIRED = (
    "user_id",
    "campaign",
    "recommender",
    "propensity",
    "policy_version",
    "clicked",
    "unsubscribed",
    "reward",
)
_ELIGIBLE = "eligible_recommenders"
_NAMES = "recommenders"


def curate(use_case: UseCase, batches: Iterable[pa.RecordBatch]) -> schema_pb2.Schema:
    """Infers the schema of the rows that the training query gives.

    Columns of the contract are required in every row, features may be missing. `recommender` must be one of
    the use case's, `propensity` in (0, 1], `clicked` and `unsubscribed` 0 or 1, `reward` within its bounds.
    The labels are absent from the environment SERVING.

    Raises:
      DataError: there are no rows, or a feature of the use case is NULL in all of them.
    """
    table = _sample(batches)
    if table.num_rows == 0:
        raise DataError(f"schema of {use_case.name}: the training query gave no rows; allowed: one or more")
    empty = [name for name in use_case.features if table.column(name).null_count == table.num_rows]
    if empty:
        raise DataError(f"schema of {use_case.name}: {', '.join(empty)} is NULL in all {table.num_rows:,} rows")
    statistics = stats_impl.generate_statistics_in_memory(
        _as_lists(table), StatsOptions(enable_semantic_domain_stats=False)
    )
    schema: schema_pb2.Schema = infer_schema(statistics, infer_feature_shape=False, max_string_domain_size=0)
    schema.default_environment.extend(["TRAINING", "SERVING"])
    schema.string_domain.add(name=_NAMES, value=use_case.recommenders)
    for feature in schema.feature:
        _sharpen(feature, use_case)
    return schema


def write_schema(use_case: UseCase, batches: Iterable[pa.RecordBatch], output: Path) -> None:
    """Writes `curate`'s schema as text, whole or not at all; raises as `curate` does."""
    text = text_format.MessageToString(curate(use_case, batches))
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, output)


def _sharpen(feature: schema_pb2.Feature, use_case: UseCase) -> None:
    name = feature.name
    for domain in ("domain", "string_domain", "distribution_constraints"):
        feature.ClearField(domain)
    feature.ClearField("presence")
    feature.ClearField("value_count")
    if name in _REQUIRED:
        feature.presence.min_fraction = 1.0
        feature.presence.min_count = 1
        feature.shape.dim.add(size=1)
    elif name == _ELIGIBLE:
        feature.value_count.min = 0
    else:
        feature.presence.min_count = 0
        feature.value_count.min = 0
        feature.value_count.max = 1
    if name in LABELS:
        feature.not_in_environment.append("SERVING")
    if name in ("recommender", _ELIGIBLE):
        feature.domain = _NAMES
    elif name == "propensity":
        feature.float_domain.min = SMALLEST_PROPENSITY
        feature.float_domain.max = 1.0
    elif name == "reward":
        feature.float_domain.min, feature.float_domain.max = use_case.reward.bounds
    elif name in ("clicked", "unsubscribed"):
        feature.int_domain.min, feature.int_domain.max = 0, 1


def _sample(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    taken: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        taken.append(batch)
        rows += batch.num_rows
        if rows >= SAMPLE_ROWS:
            break
    return pa.Table.from_batches(taken) if taken else pa.table({})


def _as_lists(table: pa.Table) -> pa.RecordBatch:
    """One batch in which each value is a list, as TensorFlow Data Validation reads examples."""
    columns = []
    for column in table.columns:
        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks)
        if not pa.types.is_list(array.type) and not pa.types.is_large_list(array.type):
            valid = pa.compute.cast(array.is_valid(), pa.int32())
            ends = pa.compute.cumulative_sum(valid)
            offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
            lists = pa.ListArray.from_arrays(offsets, array.drop_null())
            # An empty list would be a value with no items; a missing value is no list at all.
            array = pa.compute.if_else(array.is_valid(), lists, pa.scalar(None, lists.type))
        columns.append(array)
    return pa.RecordBatch.from_arrays(columns, names=table.column_names)
