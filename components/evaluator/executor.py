"""Runs TFMA over the evaluation split, then the gate."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from typing import Any

import tensorflow_model_analysis as tfma
from absl import logging
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from components.evaluator import results, rows, tfma_metrics
from components.evaluator.gate import LOGGING_POLICY, Verdict, decide
from components.evaluator.policy_values import Measuring
from pipelines.settings import UseCase

USE_CASE_KEY = "use_case"
METRICS_FILE = "metrics.json"
VERDICT_FILE = "verdict.json"
_MODEL = standard_component_specs.MODEL_KEY
_BASELINE = standard_component_specs.BASELINE_MODEL_KEY


class Executor(tfx_executor.Executor):
    """TFX's Evaluator with off-policy metrics; the gate, not TFMA's thresholds, blesses.

    A production model artifact with no SavedModel inside means that nothing is in production yet.
    """

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes TFMA's results, `metrics.json` and `verdict.json`, and the blessing.

        Raises:
          DataError: rows that cannot be evaluated, or none.
        """
        use_case = UseCase.from_json(exec_properties[USE_CASE_KEY])
        production = _production(input_dict)
        inputs = {key: artifacts for key, artifacts in input_dict.items() if key != _BASELINE}
        if production is not None:
            inputs[_BASELINE] = [production]
        config = eval_config(use_case, has_production=production is not None)
        properties = {
            **exec_properties,
            standard_component_specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(config),
        }
        super().Do(inputs, output_dict, properties)

        evaluation = artifact_utils.get_single_instance(output_dict[standard_component_specs.EVALUATION_KEY])
        compared_with = LOGGING_POLICY
        if production is not None:
            compared_with = production.get_string_custom_property("version") or production.uri
        metrics = results.build(_read(evaluation.uri), use_case, compared_with)
        verdict = decide(results.gate_metrics(metrics), use_case.gate)
        _publish(evaluation.uri, METRICS_FILE, results.to_json(metrics))
        _publish(evaluation.uri, VERDICT_FILE, verdict.to_json())
        blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
        candidate = artifact_utils.get_single_instance(input_dict[_MODEL])
        _bless(blessing, verdict, candidate, production, exec_properties)
        logging.info("Verdict: %s, compared with %s.", verdict.verdict, verdict.compared_with)


def eval_config(use_case: UseCase, has_production: bool) -> tfma.EvalConfig:
    """All policy values and AUC for clicks, overall and for each value of the use case's slices."""
    names = [results.CANDIDATE, results.PRODUCTION] if has_production else [results.CANDIDATE]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                name=name,
                signature_name=rows.SIGNATURE,
                label_key=tfma_metrics.LABEL,
                prediction_key=rows.SCORE,
                is_baseline=name == results.PRODUCTION,
            )
            for name in names
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[feature]) for feature in use_case.slices),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(
                        class_name=tfma_metrics.METRIC,
                        module=tfma_metrics.__name__,
                        config=json.dumps({"measuring": asdict(Measuring.of(use_case))}),
                    ),
                ]
            )
        ],
    )


def _production(input_dict: dict[str, list[Artifact]]) -> Artifact | None:
    if not input_dict.get(_BASELINE):
        return None
    artifact: Artifact = artifact_utils.get_single_instance(input_dict[_BASELINE])
    saved_model = os.path.join(artifact.uri, "Format-Serving", "saved_model.pb")
    return artifact if fileio.exists(saved_model) else None


def _read(evaluation_uri: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Slice -> model -> figure of what TFMA wrote; differences that TFMA adds of its own are left out."""
    slices: dict[str, dict[str, dict[str, Any]]] = {}
    for record in tfma.load_metrics(evaluation_uri):
        models = slices.setdefault(_slice_name(record.slice_key), {})
        for entry in record.metric_keys_and_values:
            if not entry.key.is_diff:
                # TFMA drops the name of a model that is alone.
                model = models.setdefault(entry.key.model_name or results.CANDIDATE, {})
                model[entry.key.name] = _value(entry.value)
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


def _publish(folder: str, name: str, text: str) -> None:
    # Through TFX's file layer: the folder may be a bucket.
    temporary = os.path.join(folder, f".{name}.partial")
    io_utils.write_string_file(temporary, text)
    fileio.rename(temporary, os.path.join(folder, name), overwrite=True)


def _bless(
    blessing: Artifact,
    verdict: Verdict,
    candidate: Artifact,
    production: Artifact | None,
    exec_properties: dict[str, Any],
) -> None:
    """Marks the blessing as TFX's own Evaluator does, so that its Pusher and resolvers read it."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, candidate.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, candidate.id)
    if production is not None:
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, production.uri
        )
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, production.id)
    if "current_component_id" in exec_properties:
        blessing.set_string_custom_property("component_id", exec_properties["current_component_id"])
    blessing.set_string_custom_property("verdict", verdict.verdict)
    file_name = constants.BLESSED_FILE_NAME if verdict.blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, file_name), "")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if verdict.blessed else constants.NOT_BLESSED_VALUE,
    )
