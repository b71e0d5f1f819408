"""Checks of the evidence: can the log tell what the candidate is worth?

Enough rows and weights that leave them in use; propensities that are those of the log, seen in the mean of
the weights and in how often each recommender stands in the log; a clip that leaves the shown values to the
data; and values that a policy can have.
"""

from __future__ import annotations

import math
from dataclasses import replace

from components.evaluator.gate_metrics import GateMetrics
from newsletter_bandit.checks import ROUNDING, Check, compared, shown
from newsletter_bandit.off_policy.checks import evidence, listed, mean_weights
from newsletter_bandit.registry.evidence.verdict import ESTIMATED
from newsletter_bandit.settings.reward import without_bounds, without_values
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.settings.words import Words

BOUNDS = "bounds of the reward"


def evidence_checks(metrics: GateMetrics, gate: Gate, words: Words) -> tuple[Check, ...]:
    """Every check of the evidence, in order."""
    clipped = f"; {metrics.clipped_share:.1%} of rows clipped at {gate.weight_clip:g}"
    return (
        *evidence(metrics, gate, of_largest=clipped),
        mean_weights(metrics.mean_weights, gate.mean_weight_tolerance),
        _sample_ratio(metrics, gate),
        _never_tried(metrics),
        compared(
            "clipped weight",
            metrics.clipped_weight,
            "<=",
            gate.max_clipped_weight,
            f"share of the weight that the clip at {gate.weight_clip:g} takes away",
        ),
        _values(metrics),
        *_estimated(metrics, gate),
        *_bounds(metrics),
        *_left_out(metrics, gate, words),
    )


def _estimated(metrics: GateMetrics, gate: Gate) -> tuple[Check, ...]:
    """Says that propensities are estimated; none where they were logged."""
    if not metrics.estimated_by:
        return ()
    decided = ", ".join(metrics.estimated_by)
    allowed = gate.estimated_propensities == "allow"
    why = (
        "which gate.estimated_propensities allows"
        if allowed
        else "and no log shows whether these are all that decided; gate.estimated_propensities: allow takes "
        "them for true"
    )
    detail = f"the propensities are estimated by {decided}, {why}"
    return (Check(ESTIMATED, None, None, "<=", allowed, detail),)


def _sample_ratio(metrics: GateMetrics, gate: Gate) -> Check:
    name, bound, found = "sample ratio", gate.min_sample_ratio_p, metrics.sample_ratio_p
    if not math.isfinite(found):
        return Check(name, None, bound, ">=", None, "skipped: no recommender stands in the log")
    off = sorted(
        (
            (abs(ratio - 1.0), recommender, ratio)
            for recommender, ratio in metrics.sample_ratios.items()
            if abs(ratio - 1.0) > gate.sample_ratio_tolerance
        ),
        reverse=True,
    )
    check = compared(name, found, ">=", bound, "p-value of the recommenders' numbers of rows")
    if check.passed:
        return check
    if not off:
        within = f"no recommender's number of rows is off by more than {gate.sample_ratio_tolerance:.0%}"
        return replace(check, passed=True, detail=f"{check.detail}; {within}")
    named = listed([f"{who} {shown(ratio, 3)} times" for _, who, ratio in off])
    return replace(
        check,
        detail=f"{check.detail}; the propensities are not those of the log, which holds {named} as often as "
        "they say",
    )


def _never_tried(metrics: GateMetrics) -> Check:
    """Says which recommenders the log says nothing of; what a policy gives them is not judged."""
    if not metrics.never_tried:
        return Check("never tried", 0.0, 0.0, "<=", True, "0 is <= 0 (recommenders that are in no row)")
    return Check(
        "never tried",
        None,
        None,
        "<=",
        None,
        f"skipped: nothing is known of {listed(list(metrics.never_tried))}, in no row of the log",
    )


def _values(metrics: GateMetrics) -> Check:
    low, high = metrics.reward_range
    outside = {
        policy: max(low - value, value - high)
        for policy, value in metrics.values.items()
        if value < low - ROUNDING or value > high + ROUNDING
    }
    what = "how far a value lies outside the reward's range"
    check = compared("value within range", max(outside.values(), default=0.0), "<=", 0.0, what)
    if not outside:
        return check
    named = listed([f"{policy} {shown(metrics.values[policy])}" for policy in outside])
    return replace(
        check, detail=f"{named}; a reward is {low:g} to {high:g}, so the propensities cannot be right"
    )


def _bounds(metrics: GateMetrics) -> tuple[Check, ...]:
    """Fails where a term of the reward has no bounds; of a reward with bounds there is nothing to say."""
    if not metrics.unbounded:
        return ()
    detail = without_bounds(metrics.unbounded)
    return (Check(BOUNDS, float(len(metrics.unbounded)), 0.0, "<=", False, detail),)


def _left_out(metrics: GateMetrics, gate: Gate, words: Words) -> tuple[Check, ...]:
    """Fails where too many rows have no value of a term; none where the reward has no such term."""
    if metrics.left_out_share is None:
        return ()
    what = f"share of the window's {words.units} without a value of a term of the reward"
    check = compared(words.left_out, metrics.left_out_share, "<=", gate.max_left_out_share, what)
    if check.passed:
        return (check,)
    return (replace(check, detail=f"{check.detail}; {without_values(metrics.missing, words)}"),)
