"""The gate: is the candidate good enough to replace the model in production, and can the log tell?

Three verdicts, decided in this order:

    cannot_tell   a check of the evidence fails (rows, effective sample size, largest weight), or AUC is
                  unknown
    not_blessed   AUC is below its floor, or further below production's than allowed
    not_blessed   the upper bound of the difference in value is below -allowed_margin: the candidate is worse
    not_blessed   the lower bound of the unsubscribes' excess over their cap is above 0: it loses too many
                  readers
    cannot_tell   the lower bound is below -allowed_margin but the upper bound is not: the interval
                  straddles it
    cannot_tell   unsubscribes are estimated above their cap, but the lower bound of the excess is not above 0
    blessed       every check holds

So a candidate is never called worse because there was little data. The bounds are the ends of the two-sided
interval at `gate.confidence`. With 0.95, a candidate that is worse by exactly the margin passes in 2.5% of
the logs, and so in fewer than 5% of any few hundred logs (`benchmarks/gate_errors.py` counts them). Only
"blessed" is published.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from newsletter_bandit.checks import ROUNDING, Check, compared, shown
from newsletter_bandit.off_policy.checks import evidence
from newsletter_bandit.registry.evidence import Verdict, VerdictName
from newsletter_bandit.settings.use_case import Gate

LOGGING_POLICY = "logging policy"


@dataclass(frozen=True)
class GateMetrics:
    """Figures that the gate uses, of the candidate's serving policy over the whole evaluation split.

    Attributes:
      rows: evaluated rows.
      effective_sample_size: effective sample size of the importance weights.
      max_weight: largest importance weight before any clip.
      clipped_share: share of rows whose weight was clipped, in [0, 1].
      auc: AUC of the reward estimates for clicks, in [0, 1]; NaN if it is undefined.
      production_auc: the same for the model in production; None if there is none.
      difference: mean paired doubly robust difference, candidate minus `compared_with`, in units of reward.
      lower_bound: lower end of the interval of ``difference`` at `gate.confidence`; -inf if unknown.
      upper_bound: upper end of that interval; inf if unknown.
      compared_with: version in production, or "logging policy" for a use case's first model.
      unsubscribe_ratio: candidate's estimated unsubscribe rate over the log's; NaN if the log holds none.
      unsubscribe_excess_bound: lower bound of the candidate's rate minus `gate.max_unsubscribe_ratio` times
        the log's; -inf if unknown.
    """

    rows: int
    effective_sample_size: float
    max_weight: float
    clipped_share: float
    auc: float
    production_auc: float | None
    difference: float
    lower_bound: float
    upper_bound: float
    compared_with: str
    unsubscribe_ratio: float = math.nan
    unsubscribe_excess_bound: float = -math.inf


def decide(metrics: GateMetrics, gate: Gate) -> Verdict:
    """Makes every check and says which verdict follows; see the module for the order."""
    clipped = f"; {metrics.clipped_share:.1%} of rows clipped at {gate.weight_clip:g}"
    enough = evidence(metrics, gate, of_largest=clipped)
    auc = (
        compared("AUC", metrics.auc, ">=", gate.min_auc, "how well reward estimates order clicks"),
        _auc_change(metrics, gate),
    )
    value = compared(
        "value",
        metrics.lower_bound,
        ">=",
        -gate.allowed_margin,
        f"lower end of the {gate.confidence:.0%} interval of the gain over {_whom(metrics)}, estimated at "
        f"{shown(metrics.difference)}",
    )
    unsubscribes = _unsubscribes(metrics, gate)
    checks = (*enough, *auc, value, unsubscribes)
    if any(check.passed is False for check in enough):
        verdict: VerdictName = "cannot_tell"
    elif any(check.passed is False for check in auc):
        unknown = any(check.passed is False and check.figure is None for check in auc)
        verdict = "cannot_tell" if unknown else "not_blessed"
    elif value.passed and unsubscribes.passed is not False:
        verdict = "blessed"
    else:
        worse = metrics.upper_bound < -gate.allowed_margin - ROUNDING
        annoys = unsubscribes.passed is False and metrics.unsubscribe_excess_bound > ROUNDING
        verdict = "not_blessed" if worse or annoys else "cannot_tell"
    return Verdict(verdict, metrics.compared_with, checks)


def _whom(metrics: GateMetrics) -> str:
    whom = metrics.compared_with
    return f"the {whom}" if whom == LOGGING_POLICY else whom


def _auc_change(metrics: GateMetrics, gate: Gate) -> Check:
    name, bound = "AUC against production", -gate.max_auc_drop
    if metrics.production_auc is None:
        return Check(name, None, bound, ">=", None, "skipped: no model is in production")
    return compared(name, metrics.auc - metrics.production_auc, ">=", bound, "AUC minus production's")


def _unsubscribes(metrics: GateMetrics, gate: Gate) -> Check:
    name, bound = "unsubscribes", gate.max_unsubscribe_ratio
    if bound is None:
        return Check(name, None, None, "<=", None, "skipped: gate.max_unsubscribe_ratio is null")
    if not math.isfinite(metrics.unsubscribe_ratio):
        return Check(name, None, bound, "<=", None, "skipped: the log holds no unsubscribe")
    surely = "surely" if metrics.unsubscribe_excess_bound > ROUNDING else "not surely"
    check = compared(name, metrics.unsubscribe_ratio, "<=", bound, "estimated rate over the logging policy's")
    if check.passed:
        return check
    return replace(check, detail=f"{check.detail}; {surely} above it at {gate.confidence:.0%} confidence")
