"""Arrow columns as tf.Examples, column by column; the types are those of TFX's BigQueryExampleGen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from newsletter_bandit.errors import DataError


def to_feature_lists(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with each column as a list of bytes, float32 or int64, the types that a tf.Example can hold.

    BOOL and integers become int64, floating point becomes float32, STRING becomes bytes. A NULL becomes a
    NULL list (a feature with no value). A NULL ARRAY becomes an empty list, as BigQuery returns it.

    Raises:
      DataError: a column of another type, or an ARRAY with a NULL in it.
    """
    columns = [_column(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def serialize(batch: pa.RecordBatch) -> list[bytes]:
    """One serialized tf.Example per row; raises `DataError` as `to_feature_lists` does."""
    # Imports TensorFlow.
    from tfx_bsl.coders.example_coder import RecordBatchToExamples

    examples: list[bytes] = RecordBatchToExamples(to_feature_lists(batch))
    return examples


def _column(name: str, column: pa.Array) -> pa.ListArray:
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lengths = np.nan_to_num(column.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int32)
        values = column.flatten()
        if values.null_count:
            raise DataError(f"column {name}: an ARRAY holds a NULL; allowed: values only")
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        return pa.ListArray.from_arrays(offsets, _values(name, values))
    present = column.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(present)])
    # A NULL offset makes a NULL list.
    mask = np.append(~present, False) if column.null_count else None
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32(), mask=mask), _values(name, column.drop_null())
    )


def _values(name: str, values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_boolean(kind) or (pa.types.is_integer(kind) and kind != pa.uint64()):
        return values.cast(pa.int64())
    if pa.types.is_floating(kind):
        return values.cast(pa.float32())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values.cast(pa.binary())
    raise DataError(
        f"column {name}: a tf.Example cannot hold {kind}; allowed: STRING, FLOAT64, INT64, BOOL and an ARRAY "
        "of one of them"
    )
