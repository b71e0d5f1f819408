"""Constraints: what each bounds, how the model stands to it, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.registry.evidence.constraints import Held, Point
from newsletter_bandit.registry.evidence.metrics import Figure
from newsletter_bandit.reports.amounts import UNKNOWN, percent, plain, scaled, whole
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.settings.constraints import Limit


@dataclass(frozen=True)
class Step:
    """The policy at one multiplier.

    Attributes:
      figure, end: what is bounded, and the end of its interval towards the bound.
      value: net clicks, or reward, per 100,000 newsletters.
      chosen: it is the model's.
    """

    figure: str
    end: str
    value: str
    chosen: bool


@dataclass(frozen=True)
class Constraint:
    """One bound.

    Attributes:
      name: the bound in words.
      found: what the gate's newsletters say.
      result: "holds", "fails" or "skipped".
      cost: net clicks, or reward, per 100,000 newsletters that would be gained without it.
      free: what is bounded without it.
      failed: no multiplier holds it with the margin that the search leaves.
      frontier: by multiplier, 0 first; () where the bound costs nothing.
    """

    name: str
    found: str
    result: str
    cost: str
    free: str
    failed: bool
    frontier: tuple[Step, ...]


def constraints(evidence: Evidence) -> list[Constraint]:
    """One per bound; [] of a model without."""
    search = evidence.metrics.constraints
    if search is None:
        return []
    held = {one.name: one for one in search.limits}
    results = {check.name: check.passed for check in evidence.verdict.checks}
    unit = evidence.use_case.reward.unit
    return [
        Constraint(
            name=limit.name,
            found=_figure(evidence.metrics.overall.limits[limit.name].figure, limit),
            result={True: "holds", False: "fails", None: "skipped"}[results.get(limit.name)],
            cost=whole(scaled(held[limit.name].cost, unit)),
            free=_figure(held[limit.name].frontier[0].figure, limit),
            failed=not held[limit.name].holds,
            frontier=_frontier(held[limit.name], limit, unit),
        )
        for limit in evidence.use_case.limits
        if limit.name in held and limit.name in evidence.metrics.overall.limits
    ]


def _frontier(held: Held, limit: Limit, unit: float) -> tuple[Step, ...]:
    if len(held.frontier) == 1:
        return ()
    return tuple(_step(point, limit, unit, point == held.found) for point in held.frontier)


def _step(point: Point, limit: Limit, unit: float, chosen: bool) -> Step:
    value = whole(scaled(point.value, unit))
    return Step(_figure(point.figure, limit), _figure(point.end, limit), value, chosen)


def _figure(figure: Figure, limit: Limit) -> str:
    if figure is None:
        return UNKNOWN
    if limit.kind == "share":
        return percent(figure)
    return f"{plain(figure)} times" if limit.relative else plain(figure)
