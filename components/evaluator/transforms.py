"""The step as a Beam graph: files of logged examples -> figures of each slice, in TFMA's result files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from components.evaluator.logged_examples import SliceKey
from components.evaluator.policy_values import Figures, Measuring, PolicyValues
from components.evaluator.rows import FloatArray, Scored
from components.evaluator.tfma_results import metrics_of
from newsletter_bandit.settings.use_case import UseCase

if TYPE_CHECKING:
    from components.evaluator.scoring import Models

_BLOCK = 65_536  # rows of a slice gathered before they are added up; about ten MB


class EvaluateFiles(beam.PTransform):
    """PCollection of paths -> TFMA's result files.

    Rows travel in blocks. TFMA's own extractors hand over one row at a time, once per slice, which takes
    nearly all of their time.

    Args:
      models: (name, folder of the SavedModel), the candidate's first.
      measuring: settings of the measurement.
      features: features whose values are slices.
      config: configuration for TFMA's readers, written beside the results.
      folder: folder for the results.
      use_case: see `scoring.Models`.
    """

    def __init__(
        self,
        models: Sequence[tuple[str, str]],
        measuring: Measuring,
        features: Sequence[str],
        config: tfma.EvalConfig,
        folder: str,
        use_case: UseCase | None = None,
    ) -> None:
        super().__init__()
        self._models = tuple(models)
        self._measuring = measuring
        self._features = tuple(features)
        self._config = config
        self._folder = folder
        self._use_case = use_case

    def expand(self, paths: Any) -> None:
        """Builds the graph."""
        names, folders = zip(*self._models, strict=True)
        score = _Score(folders, self._features, self._measuring.reward_bounds, self._use_case)
        figures = (
            paths
            | "Score" >> beam.ParDo(score)
            | "Measure" >> beam.CombinePerKey(SumUp(len(names), self._measuring))
            | "ToMetrics" >> beam.MapTuple(lambda key, found: (key, metrics_of(names, found)))
        )
        writers = tfma.default_writers(self._folder, eval_config=self._config)
        _ = {tfma.METRICS_KEY: figures} | "Write" >> tfma.WriteResults(writers=writers)


class _Score(beam.DoFn):
    """Path of a file -> (slice, its rows), batch by batch."""

    def __init__(
        self,
        folders: Sequence[str],
        features: Sequence[str],
        reward_bounds: tuple[float, float] | None,
        use_case: UseCase | None,
    ) -> None:
        super().__init__()
        self._folders = folders
        self._use_case = use_case
        self._features = features
        self._reward_bounds = reward_bounds
        self._models: Models | None = None

    def setup(self) -> None:
        from components.evaluator.scoring import Models

        self._models = Models(self._folders, self._reward_bounds, self._use_case)

    def teardown(self) -> None:
        # Before the interpreter ends: TensorFlow's functions complain if they outlive it.
        self._models = None

    def process(self, path: str) -> Iterator[tuple[SliceKey, Scored]]:
        assert self._models is not None
        yield from self._models.rows(path, self._features)


class _Gathered:
    """Sums so far, and blocks of rows that wait to be added to them."""

    __slots__ = ("blocks", "values", "waiting")

    def __init__(self, values: PolicyValues) -> None:
        self.values = values
        self.blocks: list[FloatArray] = []
        self.waiting = 0

    def add(self, scored: Scored) -> None:
        self.blocks.append(scored.rows)
        self.waiting += len(scored.rows)
        if scored.recommender_sums is not None:
            self.values.add_recommenders(scored.recommender_sums)
        if self.waiting >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        if self.blocks:
            self.values.add(np.concatenate(self.blocks))
            self.blocks, self.waiting = [], 0


class SumUp(beam.CombineFn):
    """Rows, block by block -> the `Figures` of each model.

    Args:
      models: 1 to 3.
      measuring: settings of the measurement.
    """

    def __init__(self, models: int, measuring: Measuring) -> None:
        super().__init__()
        self._models = models
        self._measuring = measuring

    def create_accumulator(self) -> _Gathered:
        return _Gathered(PolicyValues(self._models, self._measuring))

    def add_input(self, accumulator: _Gathered, element: Scored) -> _Gathered:
        accumulator.add(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_Gathered]) -> _Gathered:
        total = self.create_accumulator()
        for accumulator in accumulators:
            accumulator.flush()
            total.values.merge(accumulator.values)
        return total

    def compact(self, accumulator: _Gathered) -> _Gathered:
        accumulator.flush()
        return accumulator

    def extract_output(self, accumulator: _Gathered) -> list[Figures]:
        accumulator.flush()
        return accumulator.values.figures()
