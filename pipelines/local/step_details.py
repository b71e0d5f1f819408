"""A step's product, as its own room reads it: a phrase for the terminal, numbers for the run's report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from components.drift_detector.produced import Detected
from components.evaluator.produced import Judgement
from components.example_gen.produced import WrittenExamples
from components.prediction_storer.produced import Summary
from components.pushing_finalizer.produced import Publication
from components.refitter.produced import MadeAgain
from components.serving_model_resolver.produced import Resolved
from components.statistics_gen.produced import RowCounts
from components.trainer.produced import Training


class Produced(Protocol):
    """A step's product, read from its output folders."""

    @property
    def phrase(self) -> str:
        """Phrase for the terminal."""

    @property
    def figures(self) -> dict[str, int]:
        """Rows, bytes and users of what the step did, by name; empty where it counts nothing."""


# By step: reads the product from the folders of its outputs.
_READERS: dict[str, Callable[[Mapping[str, str]], Produced]] = {
    "StatisticsGen": RowCounts.of,
    "DuckDBExampleGen": WrittenExamples.of,
    "BigQueryExampleGen": WrittenExamples.of,
    "DriftDetector": Detected.of,
    "Trainer": Training.of,
    "Evaluator": Judgement.of,
    "Refitter": MadeAgain.of,
    "ServingModelResolver": Resolved.of,
    "PushingFinalizer": Publication.of,
    "PredictionStorer": Summary.of,
}


def produced(step: str, outputs: Mapping[str, str]) -> Produced | None:
    """The product of ``step``, from the folders of its output artifacts; None for steps without a phrase."""
    reader = _READERS.get(step)
    return reader(outputs) if reader is not None and outputs else None
