"""The batch prediction pipeline, as the article draws it."""

from __future__ import annotations

import datetime as dt

from tfx import v1 as tfx

from components.bulk_inferrer.component import make_bulk_inferrer
from components.example_gen.component import make_example_gen
from components.example_gen.queries import render_inference_query
from components.prediction_storer.component import PredictionStorer
from pipelines.beam import beam_args
from pipelines.metadata import connection_config
from pipelines.settings import Environment, UseCase


def pipeline_name(use_case: UseCase) -> str:
    """Name under which the runs are filed."""
    return f"{use_case.name}-prediction"


def create(
    use_case: UseCase, environment: Environment, model_uri: str, model_version: str, run_date: dt.date
) -> tfx.dsl.Pipeline:
    """Builds the pipeline that ranks for every user of the inference table with the model at ``model_uri``."""
    query = render_inference_query(use_case, environment.warehouse, run_date)
    name = pipeline_name(use_case)

    example_gen = make_example_gen(use_case, environment.warehouse, query, split="inference")
    model_importer = tfx.dsl.Importer(
        source_uri=model_uri,
        artifact_type=tfx.types.standard_artifacts.Model,
        custom_properties={"version": model_version},
    ).with_id("ModelImporter")
    bulk_inferrer = make_bulk_inferrer(example_gen.outputs["examples"], model_importer.outputs["result"])
    prediction_storer = PredictionStorer(
        predictions=bulk_inferrer.outputs["output_examples"],
        store=environment.store,
        use_case=use_case,
        model_version=model_version,
        # The day's start, not the clock: a rerun of the day then writes the very same records.
        generated_at=dt.datetime.combine(run_date, dt.time(), tzinfo=dt.UTC),
    )
    return tfx.dsl.Pipeline(
        pipeline_name=name,
        pipeline_root=f"{environment.pipeline_root}/{name}",
        components=[example_gen, model_importer, bulk_inferrer, prediction_storer],
        enable_cache=environment.enable_cache,
        metadata_connection_config=connection_config(environment.metadata),
        beam_pipeline_args=beam_args(environment.processing),
    )
