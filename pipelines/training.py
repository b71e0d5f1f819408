"""The training pipeline, as the article draws it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline

from components.drift_detector.component import DriftDetector
from components.evaluator.component import Evaluator
from components.hyperparameters_gen.component import HyperparametersGen
from components.hyperparameters_gen.hyperparameters import merged
from components.hyperparameters_gen.tuned_set import TunedSet
from components.production_model.component import ProductionModel
from components.pusher.component import Pusher
from components.pushing_finalizer.component import PushingFinalizer
from components.reference_model.component import ReferenceModel
from components.refitter.component import Refitter
from components.repeat_guard.component import RepeatGuard
from components.serving_model_resolver.component import ServingModelResolver
from components.table_builder.component import TableBuilder
from components.trainer.component import make_trainer
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.reference import PublishedReference
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.window_log import WindowLog
from pipelines import preparation
from pipelines.beam import with_beam_args
from pipelines.metadata import connection_config


def pipeline_name(use_case: UseCase) -> str:
    """Name under which the runs are filed."""
    return f"{use_case.name}-training"


def create(
    use_case: UseCase,
    environment: Environment,
    schema_file: Path,
    days: TrainingDays | RuntimeParameter,
    tuned: TunedSet | None = None,
    rows: str = "",
    log: WindowLog | None = None,
    options: str | None = None,
    *,
    build_table: bool = False,
    again: RuntimeParameter | None = None,
) -> Pipeline:
    """Builds the pipeline that trains on a window and publishes if blessed.

    Args:
      use_case: what is decided.
      environment: where it runs.
      schema_file: the curated schema.
      days: of the run; or the parameter that tells a compiled pipeline its day when it starts.
      tuned: hyperparameters that `newsletter-bandit tune` found, in the place of the use case's own.
      rows: fingerprint of the window's rows, by which the same training is known again; "" for none.
      log: what the window holds, for the report; None where nobody looked.
      options: options of the command that trains, for the commands in the report; None where unknown.
      build_table: build the training table first, from the raw ones.
      again: the parameter that lets a compiled pipeline train on rows that were judged before. With it, the
        pipeline takes the fingerprint and looks at the window itself, and the other steps run only if the
        training is a new one.

    Raises:
      SettingsError: the tuned hyperparameters do not fit the use case.
    """
    if tuned is not None:
        # The one merge: every step below has the same use case.
        use_case = merged(use_case, tuned.values)

    run_date = days.run_date.isoformat() if isinstance(days, TrainingDays) else days
    first: list[BaseComponent] = []
    if build_table:
        first.append(TableBuilder(use_case, environment.warehouse, "training", run_date))
    guard = None
    if again is not None:
        built = first[0].outputs["report"] if build_table else None
        guard = RepeatGuard(use_case, environment.warehouse, environment.registry, run_date, again, built)
        guard.add_upstream_nodes(first)
        first.append(guard)
    with nullcontext() if guard is None else Cond(guard.is_new):
        example_gen, *others = _steps(use_case, environment, schema_file, days, guard, rows, log, options)
    example_gen.add_upstream_nodes(first)
    name = pipeline_name(use_case)
    return Pipeline(
        pipeline_name=name,
        pipeline_root=f"{environment.pipeline_root}/{name}",
        components=with_beam_args([*first, example_gen, *others], environment.processing),
        enable_cache=environment.enable_cache,
        metadata_connection_config=connection_config(environment.metadata),
    )


def _steps(
    use_case: UseCase,
    environment: Environment,
    schema_file: Path,
    days: TrainingDays | RuntimeParameter,
    guard: RepeatGuard | None,
    rows: str,
    log: WindowLog | None,
    options: str | None,
) -> list[BaseComponent]:
    """The steps that read, train, judge and publish, ExampleGen first; otherwise as `create`."""
    prepared = preparation.create(use_case, environment, schema_file, days)
    hyperparameters_gen = HyperparametersGen(use_case=use_case)
    refit = use_case.refit.wanted
    # With refits, what production has seen decides which of its models a training looks at.
    window: dict[str, Any] = {"use_case": use_case, "examples": prepared.examples} if refit else {}
    production_model = ProductionModel(registry=environment.registry, use_case_name=use_case.name, **window)
    drift_detector = DriftDetector(
        statistics=prepared.statistics,
        production_model=production_model.outputs["model"],
        registry=environment.registry,
        use_case=use_case,
    )
    trainer = make_trainer(
        transformed_examples=prepared.transformed_examples,
        transform_graph=prepared.transform_graph,
        schema=prepared.schema,
        hyperparameters=hyperparameters_gen.outputs["hyperparameters"],
        use_case=use_case,
        # Where a warm start begins.
        production_model=production_model.outputs["model"],
        training_job=environment.training_job,
    )
    # The settings may stop a run whose features drifted, before anything is learned from them.
    trainer.add_upstream_node(drift_detector)
    reference = use_case.gate.reference
    reference_models = []
    if isinstance(reference, PublishedReference):
        reference_models.append(
            ReferenceModel(
                production_model=production_model.outputs["model"],
                registry=environment.registry,
                use_case_name=use_case.name,
                age_days=reference.age_days,
                **window,
            )
        )
    evaluator = Evaluator(
        examples=prepared.examples,
        model=trainer.outputs["model"],
        production_model=production_model.outputs["model"],
        # None where the gate has no reference, or one that needs no model.
        reference_model=reference_models[0].outputs["model"] if reference_models else None,
        use_case=use_case,
        # Only a reward of further outcomes leaves newsletters out.
        log=log if use_case.reward.outcomes else None,
        repeat_check=guard.outputs["check"] if guard is not None and use_case.reward.outcomes else None,
    )
    refitters = []
    if refit:
        refitters.append(
            Refitter(
                judged_model=trainer.outputs["model"],
                model_blessing=evaluator.outputs["blessing"],
                examples=prepared.examples,
                transformed_examples=prepared.transformed_examples,
                transform_graph=prepared.transform_graph,
                hyperparameters=hyperparameters_gen.outputs["hyperparameters"],
                use_case=use_case,
                warehouse=environment.warehouse,
                production_model=production_model.outputs["model"],
            )
        )
    serving_model_resolver = ServingModelResolver(
        model=(refitters or [trainer])[0].outputs["model"],
        evaluation=evaluator.outputs["evaluation"],
        use_case=use_case,
    )
    pusher = Pusher(
        model=serving_model_resolver.outputs["resolved_model"],
        model_blessing=evaluator.outputs["blessing"],
        decision=serving_model_resolver.outputs["decision"],
        base_directory=f"{environment.pipeline_root}/{pipeline_name(use_case)}/pushed",
    )
    pushing_finalizer = PushingFinalizer(
        pushed_model=pusher.outputs["pushed_model"],
        evaluation=evaluator.outputs["evaluation"],
        decision=serving_model_resolver.outputs["decision"],
        drift=drift_detector.outputs["drift"],
        examples=prepared.examples,
        registry=environment.registry,
        use_case=use_case,
        rows=rows,
        log=log,
        options=options,
        repeat_check=None if guard is None else guard.outputs["check"],
        refit=refitters[0].outputs["refit"] if refit else None,
        judged_model=trainer.outputs["model"] if refit else None,
    )
    return [
        *prepared.components,
        hyperparameters_gen,
        production_model,
        drift_detector,
        *reference_models,
        trainer,
        evaluator,
        *refitters,
        serving_model_resolver,
        pusher,
        pushing_finalizer,
    ]
