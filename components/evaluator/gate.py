"""The gate: is the candidate good enough to replace the model in production, and can the log tell?

Three verdicts, decided in this order:

    cannot_tell   a check of the evidence fails (`gate_evidence`), the margin is more than the baseline
                  earns, or AUC is unknown
    not_blessed   AUC is surely below its floor, or further below production's than allowed; cannot_tell if it
                  is, but so few clicks may be chance. Of a reward that is not made of clicks alone, the rank
                  correlation stands in the place of AUC.
    not_blessed   the upper bound of the difference in value is below the allowed loss: the candidate is worse
                  than production, or than the fixed reference
    not_blessed   the lower bound of the unsubscribes' excess over their cap is above 0: it loses too many
                  readers
    cannot_tell   the lower bound is below the allowed loss but the upper bound is not: the interval
                  straddles it; for the reference, only where the settings say so
    cannot_tell   the upper bound of the unsubscribes' excess is above 0, but the lower bound is not
    not_blessed   likewise, of each bound of a constraint (`gate_limits`): the lower bound of the excess over
    cannot_tell   it is above 0; the upper bound is, but the lower bound is not
    blessed       every check holds

So a candidate is never called worse because there was little data. The bounds are the ends of the two-sided
interval at `gate.confidence`. With 0.95, a candidate that is worse by exactly the margin passes in 2.5% of
the logs, and so in fewer than 5% of any few hundred logs (`benchmarks/gate_errors.py` counts them). Only
"blessed" is published.
"""

from __future__ import annotations

import math
from dataclasses import replace

from components.evaluator.gate_evidence import evidence_checks
from components.evaluator.gate_limits import bounds_term, limit_checks, surely_beyond
from components.evaluator.gate_metrics import Against, GateMetrics
from components.evaluator.gate_order import order_checks, surely_below
from newsletter_bandit.checks import ROUNDING, Check, compared, shown
from newsletter_bandit.off_policy.checks import mean_weight
from newsletter_bandit.registry.evidence import Verdict, VerdictName
from newsletter_bandit.registry.versions import created_at, is_version
from newsletter_bandit.settings.margin import Loss
from newsletter_bandit.settings.tables import UNSUBSCRIBED
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.settings.words import NEWSLETTER, Words

LOGGING_POLICY = "logging policy"
REFERENCE_CHECK = "value against the reference"


def decide(metrics: GateMetrics, gate: Gate, words: Words = NEWSLETTER) -> Verdict:
    """Makes every check and says which verdict follows; see the module for the order.

    Args:
      metrics: what was measured.
      gate: the bounds.
      words: what the details call things.
    """
    enough = (*evidence_checks(metrics, gate, words), *_margins(metrics, gate))
    order = order_checks(metrics, gate)
    value, worse = _value("value", metrics.against_baseline, gate.allowed_margin, gate)
    reference, drifted = _against_reference(metrics, gate)
    unsubscribes = _unsubscribes(metrics, gate)
    limits = limit_checks(metrics, gate, words)
    lost = [unsubscribes] if metrics.has_unsubscribes else []
    checks = (*enough, *order, value, reference, *lost, *limits)
    if any(check.passed is False for check in enough):
        verdict: VerdictName = "cannot_tell"
    elif any(check.passed is False for check in order):
        verdict = "not_blessed" if surely_below(order, metrics, gate) else "cannot_tell"
    elif value.passed and all(check.passed is not False for check in (reference, unsubscribes, *limits)):
        verdict = "blessed"
    else:
        annoys = unsubscribes.passed is False and metrics.unsubscribe_excess_bound > ROUNDING
        beyond = worse or drifted or annoys or surely_beyond(metrics)
        verdict = "not_blessed" if beyond else "cannot_tell"
    named = None if metrics.reference is None else metrics.reference.whom
    return Verdict(verdict, metrics.compared_with, checks, reference=named)


def _margins(metrics: GateMetrics, gate: Gate) -> tuple[Check, ...]:
    """A margin in units of reward must be less than the baseline earns, or everything may be lost."""
    found = _margin("margin", metrics.against_baseline, gate.allowed_margin, "gate.allowed_margin")
    if metrics.reference is None:
        return found
    key = "gate.reference.allowed_margin"
    return (*found, *_margin("margin of the reference", metrics.reference, gate.reference_margin, key))


def _margin(name: str, against: Against, margin: Loss, key: str) -> tuple[Check, ...]:
    if not margin.reward:
        return ()
    what = f"what {_whom(against)} earns; {key} must be less, or a share such as 10%"
    check = compared(name, against.baseline, ">=", margin.reward, what)
    return (check if against.baseline > margin.reward else replace(check, passed=False),)


def _value(name: str, against: Against, margin: Loss, gate: Gate) -> tuple[Check, bool]:
    """The check of the value, and whether the candidate is surely worse than allowed."""
    baseline = against.baseline
    end = f"lower end of the {gate.confidence:.0%} interval of the gain over {_whom(against)}"
    estimated = f"estimated at {shown(against.difference)}"
    if margin.share and baseline > 0.0:
        # excess = candidate - (1 - share) baseline: this is at least -share where the excess is at least 0.
        relative = against.excess_lower_bound / baseline - margin.share
        what = f"{end} as a share of what that earns, {shown(baseline)}; {estimated}"
        check = compared(name, relative, ">=", -margin.share, what)
        return check, against.excess_upper_bound < -ROUNDING
    # Of a baseline that earns nothing, no share may be lost.
    check = compared(name, against.lower_bound, ">=", -margin.reward, f"{end}, {estimated}")
    return check, against.upper_bound < -margin.reward - ROUNDING


def _against_reference(metrics: GateMetrics, gate: Gate) -> tuple[Check, bool]:
    """The check of the value against the fixed reference, and whether the candidate is surely worse."""
    margin, against = gate.reference_margin, metrics.reference
    if gate.reference is None or against is None:
        bound = -(margin.share or margin.reward)
        why = f"skipped: {_no_reference(metrics, gate)}"
        return Check(REFERENCE_CHECK, None, bound, ">=", None, why), False
    # Its age is what it stands for.
    day = f" of {created_at(against.whom):%Y-%m-%d}" if is_version(against.whom) else ""
    named = replace(against, whom=f"{against.whom}{day}")
    check, worse = _value(REFERENCE_CHECK, named, margin, gate)
    unsupported = _unsupported(against, gate, worse)
    if not unsupported and (check.passed or worse):
        return check, worse
    reason = f"; the log cannot tell what that earns: {unsupported}" if unsupported else ""
    detail = f"{check.detail}{reason}"
    if gate.reference.when_unsure == "wait":
        return replace(check, passed=False, detail=detail), False
    return replace(check, passed=None, detail=f"skipped, the log cannot tell: {detail}"), False


def _no_reference(metrics: GateMetrics, gate: Gate) -> str:
    if gate.reference is None:
        return "gate.reference is null"
    if metrics.production_auc is None:
        return "no model is in production"
    return "no version but production itself to look back at"


def _unsupported(against: Against, gate: Gate, worse: bool) -> str:
    """Why the log cannot tell what the other policy earns; "" if it can.

    Production's estimates, to which the clip leaves a part, are low for what that policy does. So the clip is
    no excuse for a candidate that is ``worse`` in spite of them.
    """
    if against.weights is not None:
        _, mean, reach = against.weights
        check = mean_weight(mean, reach, gate.mean_weight_tolerance)
        if check.passed is False:
            return check.detail
    if not worse and against.clipped_weight > gate.max_clipped_weight + ROUNDING:
        return (
            f"the clip at {gate.weight_clip:g} takes away {against.clipped_weight:.1%} of its weight, more "
            f"than gate.max_clipped_weight, {gate.max_clipped_weight:.1%}"
        )
    return ""


def _whom(against: Against) -> str:
    if against.whom == LOGGING_POLICY:
        return f"the {against.whom}"
    return against.whom


def _unsubscribes(metrics: GateMetrics, gate: Gate) -> Check:
    name, bound = "unsubscribes", gate.max_unsubscribe_ratio
    if bound is None:
        return Check(name, None, None, "<=", None, "skipped: gate.max_unsubscribe_ratio is null")
    if bounds_term(metrics, UNSUBSCRIBED):
        return Check(name, None, bound, "<=", None, "skipped: a constraint bounds them")
    if not math.isfinite(metrics.unsubscribe_ratio):
        return Check(name, None, bound, "<=", None, "skipped: the log holds no unsubscribe")
    check = compared(name, metrics.unsubscribe_ratio, "<=", bound, "estimated rate over the logging policy's")
    at = f"at {gate.confidence:.0%} confidence"
    if metrics.unsubscribe_excess_bound > ROUNDING:
        return replace(check, passed=False, detail=f"{check.detail}; surely above it {at}")
    if metrics.unsubscribe_excess_upper_bound > ROUNDING:
        return replace(check, passed=False, detail=f"{check.detail}; not surely on either side of it {at}")
    return replace(check, detail=f"{check.detail}; surely below it {at}")
