"""Checks of the constraints, one per bound: does the candidate surely hold it?

The mean of an outcome is judged by the interval of its excess over the bound, as unsubscribes are by the
gate's own cap; a share of the first places is a count and may lie beyond its bound by a tolerance.
"""

from __future__ import annotations

import math
from dataclasses import replace

from components.evaluator.gate_metrics import Bound, GateMetrics
from newsletter_bandit.checks import ROUNDING, Check, compared, shown
from newsletter_bandit.registry.evidence.constraints import Held
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.settings.words import Words


def limit_checks(metrics: GateMetrics, gate: Gate, words: Words) -> tuple[Check, ...]:
    """One check per bound; none without constraints."""
    return tuple(
        _share(one, words) if one.limit.kind == "share" else _term(one, gate, words) for one in metrics.limits
    )


def surely_beyond(metrics: GateMetrics) -> bool:
    """The candidate surely breaks a bound."""
    return any(one.lower_bound > one.tolerance + ROUNDING for one in metrics.limits)


def bounds_term(metrics: GateMetrics, term: str) -> bool:
    """A constraint bounds this outcome."""
    return any(one.limit.kind == "term" and one.limit.of == term for one in metrics.limits)


def _share(one: Bound, words: Words) -> Check:
    what = "share of the first places, exploration included"
    check = compared(one.limit.name, one.figure, one.limit.relation, one.limit.bound, what)
    within = one.upper_bound <= one.tolerance + ROUNDING
    if within and not check.passed:
        return replace(check, passed=True, detail=f"{check.detail}; within the {one.tolerance:g} allowed")
    return check if check.passed else replace(check, detail=check.detail + _cost(one.found, words))


def _term(one: Bound, gate: Gate, words: Words) -> Check:
    limit = one.limit
    if not math.isfinite(one.figure) and limit.relative:
        detail = f"the log holds no {limit.of}, so no multiple of it can be judged"
        return Check(limit.name, None, limit.bound, "<=", False, detail)
    what = "estimated mean over that of the log" if limit.relative else "estimated mean"
    check = compared(limit.name, one.figure, "<=", limit.bound, what)
    at = f"at {gate.confidence:.0%} confidence"
    if one.lower_bound > ROUNDING:
        return replace(
            check, passed=False, detail=f"{check.detail}; surely above it {at}{_cost(one.found, words)}"
        )
    if one.upper_bound > ROUNDING:
        unsure = f"not surely on either side of it {at}"
        return replace(check, passed=False, detail=f"{check.detail}; {unsure}{_cost(one.found, words)}")
    return replace(check, detail=f"{check.detail}; surely below it {at}")


def _cost(found: Held | None, words: Words) -> str:
    """What the constraint costs, where no multiplier holds it; "" otherwise."""
    if found is None or found.holds:
        return ""
    told = "; no multiplier holds it with its margin on the rows kept for the search"
    free = found.frontier[0]
    if found.cost is None or free.value is None or found.found.value is None:
        return told
    price = f"gains {shown(-found.cost)} on top of" if found.cost < 0.0 else f"costs {shown(found.cost)} of"
    return (
        f"{told}: the best one tried takes it from {_figure(free.figure)} to {_figure(found.found.figure)} "
        f"and {price} {shown(free.value)} reward per {words.unit}"
    )


def _figure(figure: float | None) -> str:
    return "unknown" if figure is None else shown(figure, 3)
