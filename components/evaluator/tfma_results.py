"""Writes figures to TFMA's result files, for its viewers and `tfma.load_eval_result`, and reads them back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator import results
from components.evaluator.policy_values import Figures
from newsletter_bandit.exported_model import EVALUATION, LOGGED_SCORE
from newsletter_bandit.settings.use_case import UseCase

_LABEL = "clicked"


def eval_config(use_case: UseCase, models: Sequence[str]) -> tfma.EvalConfig:
    """TFMA's configuration: models by name, labels, and slices by each value of the use case's."""
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                name=name,
                signature_name=EVALUATION,
                label_key=_LABEL,
                prediction_key=LOGGED_SCORE,
                is_baseline=name == results.PRODUCTION,
            )
            for name in models
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[feature]) for feature in use_case.slices),
        ],
    )


def metrics_of(models: Sequence[str], figures: Sequence[Figures]) -> dict[metric_types.MetricKey, Any]:
    """The figures of each model as TFMA's metrics."""
    return {
        metric_types.MetricKey(name=name, model_name=model): value
        for model, of_model in zip(models, figures, strict=True)
        for name, value in of_model.items()
    }


def read(folder: str) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    """Slice -> model -> figure -> number or list of numbers, from the result files in ``folder``."""
    slices: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    for record in tfma.load_metrics(folder):
        models: dict[str, dict[str, Any]] = {}
        for entry in record.metric_keys_and_values:
            models.setdefault(entry.key.model_name, {})[entry.key.name] = _value(entry.value)
        slices[_slice_name(record.slice_key)] = models
    return slices


def _slice_name(key: Any) -> str:
    parts = []
    for part in key.single_slice_keys:
        value = getattr(part, part.WhichOneof("kind"))
        parts.append(
            f"{part.column}={value.decode('utf-8', 'replace') if isinstance(value, bytes) else value}"
        )
    return ",".join(parts) or results.OVERALL


def _value(value: Any) -> Any:
    kind = value.WhichOneof("type")
    if kind == "array_value":
        return list(value.array_value.float64_values)
    return float(value.double_value.value) if kind == "double_value" else math.nan
