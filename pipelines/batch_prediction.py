"""The batch prediction pipeline, as the article draws it."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline

from components.bulk_inferrer.component import SPLIT, BulkInferrer
from components.example_gen.component import make_example_gen
from components.prediction_storer.component import PredictionStorer
from components.production_model.component import ProductionModel
from components.table_builder.component import TableBuilder
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import inference_query
from pipelines.beam import with_beam_args
from pipelines.metadata import connection_config


def pipeline_name(use_case: UseCase) -> str:
    """Name under which the runs are filed."""
    return f"{use_case.name}-prediction"


def last_stored(use_case: UseCase, environment: Environment) -> str:
    """File with the first slots of the last run that stored, on this machine or in a bucket."""
    return f"{environment.pipeline_root}/{pipeline_name(use_case)}/last_stored.json"


def create(
    use_case: UseCase,
    environment: Environment,
    run_date: str | RuntimeParameter,
    *,
    build_table: bool = False,
    options: str | None = None,
    force: bool = False,
) -> Pipeline:
    """Builds the pipeline that ranks for every user of the inference table with the model in production.

    Args:
      use_case: what is decided.
      environment: where it runs.
      run_date: YYYY-MM-DD, or "" for the day on which the run starts, UTC.
      build_table: build the inference table first, from the raw ones.
      options: options of the command that predicts, for the page of the day; None where unknown.
      force: whether rankings of a later day may be replaced.
    """
    query = inference_query(use_case, environment.warehouse)
    name = pipeline_name(use_case)

    example_gen = make_example_gen(use_case, environment.warehouse, query, SPLIT, run_date)
    first: list[BaseComponent] = []
    if build_table:
        first.append(TableBuilder(use_case, environment.warehouse, "inference", run_date))
        example_gen.add_upstream_nodes(first)
    production_model = ProductionModel(registry=environment.registry, use_case_name=use_case.name)
    bulk_inferrer = BulkInferrer(example_gen.outputs["examples"], production_model.outputs["model"], use_case)
    prediction_storer = PredictionStorer(
        predictions=bulk_inferrer.outputs["output_examples"],
        store=environment.store,
        use_case=use_case,
        last_stored=last_stored(use_case, environment),
        options=options,
        force=force,
    )
    return Pipeline(
        pipeline_name=name,
        pipeline_root=f"{environment.pipeline_root}/{name}",
        components=with_beam_args(
            [*first, example_gen, production_model, bulk_inferrer, prediction_storer], environment.processing
        ),
        enable_cache=environment.enable_cache,
        metadata_connection_config=connection_config(environment.metadata),
    )
