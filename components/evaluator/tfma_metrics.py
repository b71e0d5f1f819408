"""TFMA's view of the policy values: one metric, one combiner, every figure of every model.

TFMA hands its combiners one row at a time, once a slice. So a preprocessor boils each row down to a few floats
before it is sliced, and the combiner gathers those and works on a block of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.policy_values import Measuring, PolicyValues, figure_names
from components.evaluator.rows import Row, compact_row

LABEL = "clicked"
METRIC = "OffPolicyValues"
_BLOCK = 1024  # rows gathered before they are worked on; a few hundred kB a slice


class OffPolicyValues(metric_types.Metric):
    """Figures of `PolicyValues` as TFMA metrics, keyed by the model they are about.

    Args:
      measuring: fields of `Measuring` by name, as JSON brings them.
    """

    def __init__(self, measuring: Mapping[str, Any], name: str = "off_policy_values") -> None:
        super().__init__(_computations, name=name, measuring=dict(measuring))


metric_types.register_metric(OffPolicyValues)


def _computations(
    measuring: Mapping[str, Any],
    name: str = "off_policy_values",
    eval_config: tfma.EvalConfig | None = None,
    model_names: Sequence[str] | None = None,
) -> list[metric_types.MetricComputation]:
    # `model_names` in the plural: TFMA calls once for all models, so that one combiner sees them side by side.
    del name
    baselines = {spec.name for spec in eval_config.model_specs if spec.is_baseline} if eval_config else set()
    ordered = sorted(model_names or [""], key=lambda model: model in baselines)
    # JSON knows lists alone.
    how = Measuring(**{**measuring, "reward_bounds": tuple(measuring["reward_bounds"])})
    keys = [
        # `example_weighted` None is what TFMA itself looks a key with no weights up by.
        [metric_types.MetricKey(name=figure, model_name=model, example_weighted=None) for figure in names]
        for model, names in zip(ordered, figure_names(len(ordered), how), strict=True)
    ]
    return [
        metric_types.MetricComputation(
            keys=[key for of_model in keys for key in of_model],
            preprocessors=[_RowPreprocessor(ordered)],
            combiner=_PolicyValuesCombiner(keys, how),
        )
    ]


class _RowPreprocessor(metric_types.Preprocessor):
    """Extracts of one example -> one row of `PolicyValues`."""

    def __init__(self, models: Sequence[str]) -> None:
        super().__init__()
        self._models = models

    def process(self, extracts: Mapping[str, Any]) -> Iterator[Row]:
        predictions = extracts[tfma.PREDICTIONS_KEY]
        outputs = [predictions] if len(self._models) == 1 else [predictions[name] for name in self._models]
        yield compact_row(extracts[tfma.FEATURES_KEY], outputs)


class _Gathered:
    """Sums so far, and rows that wait to be added to them."""

    __slots__ = ("rows", "values")

    def __init__(self, values: PolicyValues) -> None:
        self.values = values
        self.rows: list[Row] = []

    def flush(self) -> None:
        if self.rows:
            self.values.add(self.rows)
            self.rows = []


class _PolicyValuesCombiner(beam.CombineFn):
    def __init__(self, keys: list[list[metric_types.MetricKey]], measuring: Measuring) -> None:
        super().__init__()
        self._keys = keys
        self._measuring = measuring

    def create_accumulator(self) -> _Gathered:
        return _Gathered(PolicyValues(len(self._keys), self._measuring))

    def add_input(self, accumulator: _Gathered, element: Row) -> _Gathered:
        accumulator.rows.append(element)
        if len(accumulator.rows) >= _BLOCK:
            accumulator.flush()
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

    def extract_output(self, accumulator: _Gathered) -> dict[metric_types.MetricKey, Any]:
        accumulator.flush()
        return {
            key: figures[key.name]
            for keys, figures in zip(self._keys, accumulator.values.figures(), strict=True)
            for key in keys
        }
