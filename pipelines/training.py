"""The training pipeline, as the article draws it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tfx import v1 as tfx

from components.evaluator.component import Evaluator
from components.example_gen.component import make_example_gen
from components.example_gen.queries import render_training_query
from components.example_validator.component import StrictExampleValidator
from components.hyperparameters_gen.component import HyperparametersGen
from components.production_model.component import ProductionModel
from components.pusher.component import make_pusher
from components.pushing_finalizer.component import PushingFinalizer
from components.serving_model_resolver.component import ServingModelResolver
from components.trainer.component import make_trainer
from components.transform.component import make_transform
from pipelines.beam import beam_args
from pipelines.metadata import connection_config
from pipelines.settings import Environment, UseCase


def pipeline_name(use_case: UseCase) -> str:
    """Name under which the runs are filed."""
    return f"{use_case.name}-training"


def create(
    use_case: UseCase, environment: Environment, schema_file: Path, window: tuple[dt.date, dt.date]
) -> tfx.dsl.Pipeline:
    """Builds the pipeline that trains on ``window`` (first day, day after the last) and publishes if blessed."""
    query = render_training_query(use_case, environment.warehouse, *window)
    name = pipeline_name(use_case)

    example_gen = make_example_gen(use_case, environment.warehouse, query, split="train_eval")
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.ImportSchemaGen(schema_file=str(schema_file))
    schema = schema_gen.outputs["schema"]
    example_validator = StrictExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    transform = make_transform(examples, schema, use_case)
    # A schema that the data contradicts stops the run before anything is learned from it.
    transform.add_upstream_node(example_validator)
    hyperparameters_gen = HyperparametersGen(use_case=use_case)
    trainer = make_trainer(
        transformed_examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        hyperparameters=hyperparameters_gen.outputs["hyperparameters"],
        use_case=use_case,
    )
    production_model = ProductionModel(registry=environment.registry, use_case_name=use_case.name)
    evaluator = Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        production_model=production_model.outputs["model"],
        use_case=use_case,
    )
    serving_model_resolver = ServingModelResolver(
        model=trainer.outputs["model"], evaluation=evaluator.outputs["evaluation"], use_case=use_case
    )
    pusher = make_pusher(
        model=serving_model_resolver.outputs["resolved_model"],
        model_blessing=evaluator.outputs["blessing"],
        base_directory=f"{environment.pipeline_root}/{name}/pushed",
    )
    pushing_finalizer = PushingFinalizer(
        pushed_model=pusher.outputs["pushed_model"],
        evaluation=evaluator.outputs["evaluation"],
        decision=serving_model_resolver.outputs["decision"],
        registry=environment.registry,
        use_case=use_case,
    )
    return tfx.dsl.Pipeline(
        pipeline_name=name,
        pipeline_root=f"{environment.pipeline_root}/{name}",
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            example_validator,
            transform,
            hyperparameters_gen,
            trainer,
            production_model,
            evaluator,
            serving_model_resolver,
            pusher,
            pushing_finalizer,
        ],
        enable_cache=environment.enable_cache,
        metadata_connection_config=connection_config(environment.metadata),
        beam_pipeline_args=beam_args(environment.processing),
    )
