"""The Evaluator over arrays: the same rows, figures and gate, with neither TFX nor TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.evaluator import results
from components.evaluator.gate import LOGGING_POLICY, decide
from components.evaluator.policy_values import Measuring, PolicyValues
from components.evaluator.rows import Known, Outcome, recommender_sums, table
from newsletter_bandit.registry.evidence import Constraints, Verdict
from newsletter_bandit.registry.evidence.metrics import OverallMetrics
from newsletter_bandit.settings.use_case import UseCase

_BLOCK = 65_536  # rows processed at once; about ten MB

Outputs = Mapping[str, npt.NDArray[Any]]


def evaluate(
    use_case: UseCase,
    outcome: Outcome,
    candidate: Outputs,
    production: Outputs | None = None,
    compared_with: str = LOGGING_POLICY,
    tried: Sequence[npt.NDArray[np.bool_] | None] = (None, None, None),
    reference: Outputs | None = None,
    reference_name: str = LOGGING_POLICY,
    constraints: Constraints | None = None,
) -> tuple[OverallMetrics, Verdict]:
    """Figures and verdict of a candidate on logged rows.

    Args:
      use_case: gives recommenders, reward and gate.
      outcome: logged outcome of the n rows.
      candidate: outputs of its `evaluation` signature for them; see `rows.table`.
      production: the same for the model in production, of the same recommenders; None if there is none.
      compared_with: version in production, or "logging policy".
      tried: of each model, the recommenders [K] that it learned from a row at least; None for all.
      reference: the outputs of the earlier version that the candidate is compared with as well, after one in
        production; None if there is none. The gate's own reference may be the log, which needs no outputs.
      reference_name: its version.
      constraints: how the candidate holds its constraints; None where it has none.

    Returns:
      The figures of all rows, and the verdict.

    Raises:
      DataError: no row shows a recommender of the use case, or a value is out of its range.
    """
    if reference is not None and production is None:
        raise ValueError("reference: found one, but no production; use a production model as well")
    outputs = [one for one in (candidate, production, reference) if one is not None]
    known = [Known(use_case.recommenders, of_model) for _, of_model in zip(outputs, tried, strict=False)]
    rows = table(outcome, outputs, use_case.reward.bounds, known)
    values = PolicyValues(len(outputs), Measuring.of(use_case))
    for start in range(0, len(rows), _BLOCK):
        values.add(rows[start : start + _BLOCK])
    values.add_recommenders(recommender_sums(candidate, production, known))
    figures = dict(zip(results.MODELS, values.figures(), strict=False))
    metrics = results.build({results.OVERALL: figures}, use_case, compared_with, reference_name, constraints)
    return metrics.overall, decide(results.gate_metrics(metrics, use_case), use_case.gate, use_case.words)
