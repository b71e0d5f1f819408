"""How fast Datastore is written to at first: by the runner, unless the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.transforms.core import ParDo

from components.prediction_storer.checking import Checker
from components.prediction_storer.datastore_writer import RampUp, WriteToDatastore
from newsletter_bandit.settings.environment import DatastoreStore, Processing
from newsletter_bandit.settings.reading import load_environment
from pipelines.beam import beam_args
from tests.prediction_storer.prediction_rows import RECOMMENDERS, STAMP

VERTEX = Path(__file__).parents[2] / "configs" / "environments" / "vertex.yaml"
DATAFLOW = load_environment(VERTEX).processing.dataflow


def dataflow(**changes: Any) -> Processing:
    assert DATAFLOW is not None
    return Processing(
        runner="dataflow", dataflow=DATAFLOW, **{"steps": {"PredictionStorer": changes}} if changes else {}
    )


class Throttles(PipelineVisitor):
    """Budgets' divisors of the throttles in a graph."""

    def __init__(self) -> None:
        self.workers: list[int] = []

    def visit_transform(self, node: AppliedPTransform) -> None:
        if isinstance(node.transform, ParDo) and isinstance(node.transform.fn, RampUp):
            self.workers.append(node.transform.fn.workers)


def throttles(processing: Processing, **settings: Any) -> list[int]:
    store = DatastoreStore(kind="datastore", project="my-project", **settings)
    # Named here too, else Beam's DataflowRunner asks Google at once whether its bucket is there.
    pipeline = beam.Pipeline("FnApiRunner", argv=beam_args(processing, "PredictionStorer"))
    _ = pipeline | beam.Create([]) | WriteToDatastore(store, Checker(RECOMMENDERS, STAMP))
    found = Throttles()
    pipeline.visit(found)
    return found.workers


@pytest.mark.parametrize("runner", ["in_process", "multi_processing"])
def test_on_one_machine_nothing_is_held_back_unless_the_settings_say(runner: Any) -> None:
    assert throttles(Processing(runner=runner, workers=4)) == []
    assert throttles(Processing(runner=runner), throttle_rampup=True) == [1]
    assert throttles(Processing(runner=runner), throttle_rampup=True, hint_num_workers=3) == [3]


def test_on_dataflow_the_workers_that_may_start_share_the_budget() -> None:
    assert throttles(load_environment(VERTEX).processing) == [10]
    assert throttles(dataflow()) == [10]
    assert throttles(dataflow(max_workers=40)) == [40]
    # Without autoscaling there are never more than those it starts with.
    assert throttles(dataflow(max_workers=40, workers=6, autoscaling="none")) == [6]
    assert throttles(dataflow(max_workers=40), hint_num_workers=80) == [80]
    assert throttles(dataflow(), throttle_rampup=False) == []
