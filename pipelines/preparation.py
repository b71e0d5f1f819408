"""The part that training and tuning share: from the warehouse to transformed examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import BaseChannel

from components.curated_schema.component import CuratedSchema
from components.example_gen.component import make_example_gen
from components.example_validator.component import StrictExampleValidator
from components.statistics_gen.component import StatisticsGen
from components.transform.component import Transform
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import render_training_query, training_query


@dataclass(frozen=True)
class Preparation:
    """Steps, and the outputs that later steps take from them."""

    examples: BaseChannel
    statistics: BaseChannel
    schema: BaseChannel
    transformed_examples: BaseChannel
    transform_graph: BaseChannel
    components: tuple[BaseComponent, ...]


def create(
    use_case: UseCase,
    environment: Environment,
    schema_file: Path,
    days: TrainingDays | RuntimeParameter,
) -> Preparation:
    """Reads the window of ``days``, checks it against the schema and transforms it.

    A compiled pipeline has a parameter in their place: its query then holds marks for the dates.
    """
    if isinstance(days, TrainingDays):
        query = render_training_query(use_case, environment.warehouse, *days.window)
        run_date: str | RuntimeParameter = days.run_date.isoformat()
    else:
        query, run_date = training_query(use_case, environment.warehouse), days
    example_gen = make_example_gen(use_case, environment.warehouse, query, "train_eval", run_date)
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    curated_schema = CuratedSchema(schema_file)
    schema = curated_schema.outputs["schema"]
    example_validator = StrictExampleValidator(statistics=statistics, schema=schema)
    transform = Transform(examples, schema, use_case)
    # A schema that the data contradicts stops the run before anything is learned from it.
    transform.add_upstream_node(example_validator)
    return Preparation(
        examples=examples,
        statistics=statistics,
        schema=schema,
        transformed_examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        components=(example_gen, statistics_gen, curated_schema, example_validator, transform),
    )
