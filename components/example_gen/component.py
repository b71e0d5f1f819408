"""ExampleGen: the embedded one and the choice between it and BigQuery's."""

from __future__ import annotations

from typing import Any, Literal

from google.protobuf import struct_pb2
from tfx.components.example_gen import component, utils
from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_big_query.example_gen.component import BigQueryExampleGen
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import example_gen_pb2

from components.example_gen import bigquery_executor
from components.example_gen.executor import Executor
from components.example_gen.partition import BUCKETS, eval_buckets
from newsletter_bandit.settings.environment import BigQueryWarehouse, DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.run_date import RUN_DATE

TRAIN, EVAL, INFERENCE = "train", "eval", "inference"
USE_CASE = "use_case"


class DuckDBExampleGen(component.QueryBasedExampleGen):
    """Runs a BigQuery query on a DuckDB file; emits `examples` as BigQueryExampleGen does on BigQuery."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, query: str, warehouse_path: str, output_config: example_gen_pb2.Output) -> None:
        """Makes the component.

        Args:
          query: BigQuery SQL of the subset in `newsletter_bandit.warehouse.translate`.
          warehouse_path: the DuckDB file.
          output_config: the splits, by hash buckets; with two or more of them, their partition feature.
        """
        super().__init__(
            input_config=utils.make_default_input_config(query),
            output_config=output_config,
            custom_config=_custom_config({"warehouse_path": warehouse_path}),
        )


def make_example_gen(
    use_case: UseCase,
    warehouse: DuckDBWarehouse | BigQueryWarehouse,
    query: str,
    split: Literal["train_eval", "inference"],
    run_date: str | RuntimeParameter = "",
) -> component.QueryBasedExampleGen:
    """The ExampleGen of the setting: `DuckDBExampleGen` or TFX's own BigQueryExampleGen, with the same query.

    The latter's executor holds the environment's limit of bytes and labels its jobs; see `bigquery_executor`.

    Args:
      use_case: `eval_share` of the users, in whole percent, goes to the eval split.
      warehouse: where the query runs.
      query: BigQuery SQL.
      split: `train_eval` gives the splits `train` and `eval`, all rows of a user in the same one; `inference`
        gives the one split `inference`.
      run_date: YYYY-MM-DD, or "" for the day of the run; the query's dates follow from it. See `run_date`.
    """
    if split == "train_eval":
        output_config = train_eval_config(use_case.eval_share)
    else:
        output_config = example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(
                splits=[example_gen_pb2.SplitConfig.Split(name=INFERENCE, hash_buckets=1)]
            )
        )
    if isinstance(warehouse, DuckDBWarehouse):
        made = DuckDBExampleGen(query, warehouse.path, output_config)
    else:
        labels = {"use_case": use_case.name, "split": split}
        made = BigQueryExampleGen(
            query=query,
            output_config=output_config,
            custom_executor_spec=executor_spec.BeamExecutorSpec(bigquery_executor.Executor),
            custom_config=_custom_config({"warehouse": warehouse.model_dump_json(), "labels": labels}),
        )
    # TFX's specification has no place for a value that is given when a run starts; both executors read it
    # here.
    made.exec_properties.update({RUN_DATE: run_date, USE_CASE: use_case.to_json()})
    return made


def _custom_config(values: dict[str, Any]) -> example_gen_pb2.CustomConfig:
    settings = struct_pb2.Struct()
    settings.update(values)
    custom_config = example_gen_pb2.CustomConfig()
    custom_config.custom_config.Pack(settings)
    return custom_config


def train_eval_config(eval_share: float) -> example_gen_pb2.Output:
    """Splits `train` and `eval` by hash of `user_id`."""
    held_out = eval_buckets(eval_share)
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[
                example_gen_pb2.SplitConfig.Split(name=TRAIN, hash_buckets=BUCKETS - held_out),
                example_gen_pb2.SplitConfig.Split(name=EVAL, hash_buckets=held_out),
            ],
            partition_feature_name="user_id",
        )
    )
