"""The curated schema: a description of correct data, so that a run on other data can be stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.example_gen.encode import to_feature_lists
from components.example_validator.anomalies import describe
from components.example_validator.implied_schema import TRAINING, curated_schema
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import write_text
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse, render_training_query, table_name
from newsletter_bandit.warehouse.reading import first_rows, read

# Statistics of this many rows show the types; more would only take longer.
MOST_ROWS = 200_000


def write_schema(
    use_case: UseCase, source: Sequence[Path] | Warehouse, output: Path, configs: Path | None = None
) -> schema_pb2.Schema:
    """Writes the curated schema of the data as text (.pbtxt).

    TFDV infers a schema from the data's statistics. Each column that the use case knows is then replaced by
    the use case's description, and the data must fit the result. A column that only the query knows keeps
    what was inferred, optional and without a domain.

    Args:
      use_case: features, recommenders and reward.
      source: TFRecord files of training tf.Examples, or the warehouse, whose training query is run over all
        of its days. The first `MOST_ROWS` rows are used.
      output: file of the schema, replaced as a whole.
      configs: see `render_training_query`.

    Returns:
      The schema.

    Raises:
      DataError: there is no row, or the rows contradict the use case; the output is then left as it was.
    """
    statistics = stats_impl.generate_statistics_in_memory(_rows(use_case, source, configs))
    schema = curated_schema(use_case, tfdv.infer_schema(statistics, infer_feature_shape=False))
    faults = describe(tfdv.validate_statistics(statistics, schema, environment=TRAINING))
    if faults:
        raise DataError("the data does not fit the use case:\n  " + "\n  ".join(faults))
    write_text(output, text_format.MessageToString(schema))
    return schema


# --- the data -----------------------------------------------------------------------------------------------


def _rows(use_case: UseCase, source: Sequence[Path] | Warehouse, configs: Path | None) -> pa.RecordBatch:
    """Up to `MOST_ROWS` rows as one batch of feature lists."""
    if isinstance(source, DuckDBWarehouse | BigQueryWarehouse):
        batch = _table_rows(use_case, source, configs)
    else:
        batch = _file_rows(source)
    if batch is None:
        raise DataError("no row to infer a schema from; allowed: one or more rows")
    return batch


def _table_rows(use_case: UseCase, warehouse: Warehouse, configs: Path | None) -> pa.RecordBatch | None:
    table = table_name(use_case.tables.training, warehouse)
    (times,) = read(warehouse, f"SELECT MIN(sent_at) AS first, MAX(sent_at) AS last FROM {table}")
    first, last = times.column(0)[0].as_py(), times.column(1)[0].as_py()
    if first is None:
        return None
    days = (first.date(), last.date() + dt.timedelta(days=1))
    batch = first_rows(warehouse, render_training_query(use_case, warehouse, *days, configs), MOST_ROWS)
    return to_feature_lists(batch) if batch is not None else None


def _file_rows(files: Sequence[Path]) -> pa.RecordBatch | None:
    examples: list[bytes] = []
    for path in files:
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        compression = "GZIP" if path.suffix == ".gz" else ""
        records = tf.data.TFRecordDataset(str(path), compression_type=compression)
        try:
            examples += records.take(MOST_ROWS - len(examples)).as_numpy_iterator()
        except tf.errors.DataLossError as error:
            raise DataError(f"{path}: not a TFRecord file: {error.message}") from error
    try:
        return ExamplesToRecordBatchDecoder().DecodeBatch(examples) if examples else None
    except RuntimeError as error:
        raise DataError(f"{', '.join(map(str, files))}: not tf.Examples: {error}") from error
