"""Runs the step inside TFX: the figures, then the gate."""

from __future__ import annotations

import os
from typing import Any

from absl import logging
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, path_utils

from components.evaluator import results, tfma_results
from components.evaluator.gate import LOGGING_POLICY, decide
from components.evaluator.policy_values import REFERENCE, Measuring
from components.evaluator.transforms import EvaluateFiles
from components.example_gen.example_files import SpreadFiles, split_files
from components.production_model.published import for_training
from newsletter_bandit import records
from newsletter_bandit.registry.evidence import Constraints, Verdict
from newsletter_bandit.settings.reference import LoggedReference
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse import window_log
from newsletter_bandit.warehouse.window_log import WindowLog

USE_CASE_KEY = "use_case"
LOG_KEY = "log"
REPEAT_CHECK_KEY = "repeat_check"
REFERENCE_MODEL_KEY = "reference_model"
SPLIT = "eval"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Off-policy values in TFMA's result files; the gate, not TFMA's thresholds, blesses.

    A production model artifact with no SavedModel inside means that nothing is in production yet; a reference
    model artifact with none, that there is no earlier version.
    """

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes TFMA's results, `metrics.json`, `verdict.json` and `explanation.json`, and the blessing.

        Args:
          input_dict: `examples` with the split ``eval``, `model`, and perhaps `baseline_model` and
            `reference_model`, and the `repeat_check` of a step that looked at the window.
          output_dict: `evaluation` and `blessing`.
          exec_properties: `use_case`, and perhaps `log`.

        Raises:
          DataError: rows that cannot be evaluated, or none.
        """
        # They load TensorFlow, which building a pipeline does not need.
        from components.evaluator.scoring import Models, kept
        from components.evaluator.why.explaining import explain

        self._log_startup(input_dict, output_dict, exec_properties)
        use_case = UseCase.from_json(exec_properties[USE_CASE_KEY])
        candidate = artifact_utils.get_single_instance(input_dict[keys.MODEL_KEY])
        production = _earlier(input_dict, keys.BASELINE_MODEL_KEY)
        models = [(results.CANDIDATE, _saved_model(candidate))]
        compared_with, reference = LOGGING_POLICY, None
        if production is not None:
            models.append((results.PRODUCTION, for_training(production.uri)))
            compared_with = _version(production)
            if isinstance(use_case.gate.reference, LoggedReference):
                reference = LOGGING_POLICY
            elif (earlier := _earlier(input_dict, REFERENCE_MODEL_KEY)) is not None:
                models.append((REFERENCE, for_training(earlier.uri)))
                reference = _version(earlier)
        config = tfma_results.eval_config(use_case, [name for name, _ in models])
        evaluation = artifact_utils.get_single_instance(output_dict[keys.EVALUATION_KEY])
        files = split_files(input_dict[keys.EXAMPLES_KEY], SPLIT)
        measure = EvaluateFiles(
            models, Measuring.of(use_case), use_case.slices, config, evaluation.uri, use_case
        )
        with kept():
            with self._make_beam_pipeline() as pipeline:
                _ = pipeline | SpreadFiles(files) | measure
            if use_case.explanation.scored_rows:
                candidate_alone = Models([models[0][1]], use_case.reward.bounds, use_case)
                explain(candidate_alone, files, use_case).write(evaluation.uri)
        metrics = results.build(
            tfma_results.read(evaluation.uri),
            use_case,
            compared_with,
            reference,
            Constraints.beside(_saved_model(candidate)) if use_case.constraints else None,
        )
        verdict = decide(
            results.gate_metrics(metrics, use_case, _log(input_dict, exec_properties)),
            use_case.gate,
            use_case.words,
        )
        metrics.write(evaluation.uri)
        verdict.write(evaluation.uri)
        blessing = artifact_utils.get_single_instance(output_dict[keys.BLESSING_KEY])
        _bless(blessing, verdict, candidate, production, exec_properties)
        as_well = f" and {reference}" if reference else ""
        logging.info("Verdict: %s, compared with %s%s.", verdict.verdict, compared_with, as_well)


def _log(input_dict: dict[str, list[Artifact]], exec_properties: dict[str, Any]) -> WindowLog | None:
    """What the window holds, by the step that looked or by whoever started the run; None where nobody did."""
    if input_dict.get(REPEAT_CHECK_KEY):
        return window_log.kept(artifact_utils.get_single_uri(input_dict[REPEAT_CHECK_KEY]))
    given = exec_properties.get(LOG_KEY)
    return WindowLog.of(records.parse(given, "what is known of the window")) if given else None


def _saved_model(model: Artifact) -> str:
    return str(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))


def _version(model: Artifact) -> str:
    return model.get_string_custom_property("version") or str(model.uri)


def _earlier(input_dict: dict[str, list[Artifact]], key: str) -> Artifact | None:
    """The published model of an input; None if there is none."""
    if not input_dict.get(key):
        return None
    artifact: Artifact = artifact_utils.get_single_instance(input_dict[key])
    saved_model = os.path.join(artifact.uri, "Format-Serving", "saved_model.pb")
    return artifact if fileio.exists(saved_model) else None


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
