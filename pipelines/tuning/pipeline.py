"""The tuning pipeline: the steps of the training pipeline that come before the Trainer."""

from __future__ import annotations

from pathlib import Path

from tfx.orchestration.pipeline import Pipeline

from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from pipelines import preparation
from pipelines.beam import with_beam_args
from pipelines.metadata import connection_config


def pipeline_name(use_case: UseCase) -> str:
    """Name under which the runs are filed."""
    return f"{use_case.name}-tuning"


def create(use_case: UseCase, environment: Environment, schema_file: Path, days: TrainingDays) -> Pipeline:
    """Builds the pipeline that prepares the window of ``days`` for a search."""
    name = pipeline_name(use_case)
    prepared = preparation.create(use_case, environment, schema_file, days)
    return Pipeline(
        pipeline_name=name,
        pipeline_root=f"{environment.pipeline_root}/{name}",
        components=with_beam_args(prepared.components, environment.processing),
        enable_cache=environment.enable_cache,
        metadata_connection_config=connection_config(environment.metadata),
    )
