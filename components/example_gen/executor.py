"""Executor of `DuckDBExampleGen`: a query's rows as tf.Examples in one folder per split."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from tfx import types
from tfx.components.example_gen import utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import proto_utils

from components.example_gen.encode import serialize
from components.example_gen.partition import split_of
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of
from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.threads import in_order
from newsletter_bandit.warehouse.embedded import read_batches, require_rows
from newsletter_bandit.warehouse.freshness import require_newsletters, require_users
from newsletter_bandit.warehouse.queries import Warehouse
from newsletter_bandit.warehouse.run_date import (
    RUN_DATE,
    RUN_DATE_MARK,
    SNAPSHOT_DATE,
    WINDOW_START_MARK,
    dated,
)

ROWS_PER_FILE = 50_000
# The fastest level: a quarter larger than zlib's own choice, at a third of its time.
_GZIP = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads record batches, encodes them as a whole and writes a TFRecord file per batch and split.

    TFX's base executor takes one example at a time through Beam, which is most of its run time.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the query and writes the splits.

        Args:
          input_dict: empty.
          output_dict: `examples`.
          exec_properties: those of QueryBasedExampleGen, `run_date` and `use_case`; `custom_config` holds
            `warehouse_path`.

        Raises:
          SettingsError: the query is outside the warehouse's subset, or no window is complete on the run
            date.
          DataError: file, table or column is missing, or the query leaves a split without a row.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        input_config = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties[keys.INPUT_CONFIG_KEY], input_config)
        output_config = example_gen_pb2.Output()
        proto_utils.json_to_proto(exec_properties[keys.OUTPUT_CONFIG_KEY], output_config)
        (source,) = input_config.splits
        path = warehouse_path(exec_properties[keys.CUSTOM_CONFIG_KEY])

        artifact = artifact_utils.get_single_instance(output_dict[keys.EXAMPLES_KEY])
        query = date_query(
            source.pattern, exec_properties, artifact, DuckDBWarehouse(kind="duckdb", path=path)
        )
        names = utils.generate_output_split_names(input_config, output_config)
        artifact.split_names = artifact_utils.encode_split_names(names)
        folders = [artifact_utils.get_split_uri([artifact], name) for name in names]
        bounds = _cumulated(split.hash_buckets for split in output_config.split_config.splits)
        partition_feature = output_config.split_config.partition_feature_name

        # Before Beam starts, so that the message is not wrapped in a worker's.
        require_rows(path, query)
        for folder in folders:
            fileio.makedirs(folder)
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | beam.Create([query])
                | "Write" >> beam.ParDo(_WriteRows(path, folders, bounds, partition_feature))
            )
        for name, folder in zip(names, folders, strict=True):
            if not fileio.listdir(folder):
                raise DataError(
                    f"{path}: the rows that were read leave the split {name!r} empty; allowed: enough "
                    f"different {partition_feature or 'rows'} for one in each of {', '.join(names)}"
                )


def date_query(
    query: str, exec_properties: dict[str, Any], examples: types.Artifact, warehouse: Warehouse
) -> str:
    """The query with the dates of the run, which are also written to the artifact.

    A query that leaves its dates to the run is refused where its table is too old for them.

    Raises:
      SettingsError: as in `newsletter_bandit.warehouse.run_date.dated`.
      DataError: as in `newsletter_bandit.warehouse.freshness`.
    """
    use_case = UseCase.from_json(exec_properties["use_case"])
    found = dated(query, use_case, exec_properties[RUN_DATE])
    for name, value in found.properties.items():
        examples.set_string_custom_property(name, value)
    day = dt.date.fromisoformat(found.properties[RUN_DATE])
    if WINDOW_START_MARK in query:
        require_newsletters(warehouse, use_case, TrainingDays.of(use_case, day))
    elif RUN_DATE_MARK in query:
        snapshot = require_users(warehouse, use_case, day)
        examples.set_string_custom_property(SNAPSHOT_DATE, "" if snapshot is None else snapshot.isoformat())
    return found.query


def warehouse_path(custom_config: str) -> str:
    """The warehouse's path in the JSON of a CustomConfig."""
    return str(json.loads(custom_config)["custom_config"]["value"]["warehouse_path"])


def _cumulated(sizes: Iterable[int]) -> list[int]:
    bounds: list[int] = []
    for size in sizes:
        bounds.append(size + (bounds[-1] if bounds else 0))
    return bounds


class _WriteRows(beam.DoFn):
    """Writes a query's rows, each batch to files of its own; a retry replaces them.

    A batch is read and written here, and released once it is written. Between two stages of a graph, the
    in-process runner would hold the rows of all batches.
    """

    def __init__(
        self, warehouse: str, folders: Sequence[str], bounds: Sequence[int], partition_feature: str
    ) -> None:
        self._warehouse = warehouse
        self._folders = folders
        self._bounds = bounds
        self._partition_feature = partition_feature

    def process(self, query: str) -> None:
        batches = enumerate(read_batches(self._warehouse, query, ROWS_PER_FILE))
        for _ in in_order(self._write, batches):
            pass

    def _write(self, numbered: tuple[int, pa.RecordBatch]) -> None:
        number, batch = numbered
        for split, records in self._split(batch).items():
            path = os.path.join(self._folders[split], f"data_tfrecord-{number:05d}.gz")
            with (
                files_of(path).filled(path) as temporary,
                tf.io.TFRecordWriter(temporary, _GZIP) as writer,
            ):
                for record in records:
                    writer.write(record)

    def _split(self, batch: pa.RecordBatch) -> Mapping[int, list[bytes]]:
        examples = serialize(batch)
        if len(self._folders) == 1:
            return {0: examples}
        splits: dict[int, list[bytes]] = {}
        column = batch.column(batch.schema.get_field_index(self._partition_feature))
        if column.null_count:
            raise DataError(
                f"column {self._partition_feature}: a NULL belongs to no split; allowed: a value in each row"
            )
        for key, example in zip(column.cast(pa.binary()).to_pylist(), examples, strict=True):
            splits.setdefault(split_of(key, self._bounds), []).append(example)
        return splits
