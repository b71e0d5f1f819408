"""Runs the step inside TFX."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.bulk_inferrer.files import PredictionsWriter
from components.bulk_inferrer.groups import groups_file, write_groups
from components.example_gen.example_files import SpreadFiles, split_files
from components.production_model.published import TRAINED_UNTIL, VERSION_KEY
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.run_date import RUN_DATE, SNAPSHOT_DATE

if TYPE_CHECKING:
    from components.bulk_inferrer.scoring import Model


class Executor(base_beam_executor.BaseBeamExecutor):
    """Scores whole files at a time; TFX's own takes one proto per row through Python, which is slow."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes a Parquet file of predictions for each file of examples, and its users by group beside it.

        Args:
          input_dict: `examples` and `model`.
          output_dict: `output_examples`.
          exec_properties: `use_case`, and the `split` to score.

        Raises:
          DataError: no model is in production, the split holds no file, or the settings retire or rename a
            recommender and the model is too old to know how.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        splits = [exec_properties["split"]]
        model = artifact_utils.get_single_instance(input_dict["model"])
        output = artifact_utils.get_single_instance(output_dict["output_examples"])
        output.split_names = artifact_utils.encode_split_names(splits)
        examples_utils.set_payload_format(output, example_gen_pb2.FORMAT_PARQUET)
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        version = model.get_string_custom_property(VERSION_KEY)
        if not version:
            raise DataError("registry: no model is in production; publish one with `newsletter-bandit train`")
        # What the rankings are stamped with.
        output.set_string_custom_property(VERSION_KEY, version)
        run_date = examples.get_string_custom_property(RUN_DATE)
        output.set_string_custom_property(RUN_DATE, run_date)
        # What the page of the day tells of the data.
        for source, name in ((examples, SNAPSHOT_DATE), (model, TRAINED_UNTIL)):
            output.set_string_custom_property(name, source.get_string_custom_property(name))

        folder = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        work: list[tuple[str, str, str]] = []
        for split in splits:
            files = split_files(input_dict["examples"], split)
            target = artifact_utils.get_split_uri([output], split)
            fileio.makedirs(target)
            parts = [f"{number:05d}-of-{len(files):05d}" for number in range(len(files))]
            work += [
                (path, os.path.join(target, f"predictions-{part}.parquet"), groups_file(output.uri, part))
                for path, part in zip(files, parts, strict=True)
            ]
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | SpreadFiles(work)
                | "Score" >> beam.ParDo(_Score(folder, exec_properties["use_case"], run_date))
            )


class _Score(beam.DoFn):
    """(file of examples, of predictions, of groups): writes the last two; a retry replaces them."""

    def __init__(self, folder: str, use_case: str, run_date: str) -> None:
        super().__init__()
        self._folder = folder
        self._use_case = use_case
        self._run_date = run_date
        self._model: Model | None = None
        self._subjects = ""

    def setup(self) -> None:
        from components.bulk_inferrer.scoring import Model

        use_case = UseCase.from_json(self._use_case)
        self._subjects = use_case.words.subjects
        self._model = Model(self._folder, use_case, self._run_date)

    def teardown(self) -> None:
        # Before the interpreter ends: TensorFlow's functions complain if they outlive it.
        self._model = None

    def process(self, element: tuple[str, str, str]) -> Iterator[Any]:
        source, target, groups_target = element
        users = beam.metrics.Metrics.counter("BulkInferrer", "users")
        retired = beam.metrics.Metrics.counter("BulkInferrer", "users_listing_a_retired_recommender")
        listing = 0
        groups: Counter[tuple[str, str, str]] = Counter()
        assert self._model is not None
        with PredictionsWriter(target) as writer:
            for scored in self._model.score(source):
                writer.write(scored.predictions)
                users.inc(scored.predictions.num_rows)
                listing += scored.listing_retired
                groups.update(scored.groups)
        write_groups(groups_target, groups)
        retired.inc(listing)
        if listing:
            logging.info(
                "%s: the eligible recommenders of %d %s name a retired one, which is ignored.",
                os.path.basename(source),
                listing,
                self._subjects,
            )
        yield from ()
