"""Comparison of a figure with its bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Relation = Literal[">=", "<="]

# A figure at its bound passes, whatever the last bits of a subtraction say.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Check:
    """One comparison of the gate, or of an evaluation.

    Attributes:
      name: what was checked.
      figure: what was found; None where it is unknown.
      bound: what it was compared with; None where there is nothing to compare with.
      relation: ``figure`` relation ``bound`` must hold.
      passed: None where the check does not apply.
      detail: the comparison as a sentence.
    """

    name: str
    figure: float | None
    bound: float | None
    relation: Relation
    passed: bool | None
    detail: str


def compared(name: str, figure: float, relation: Relation, bound: float, what: str) -> Check:
    """Compares ``figure`` with ``bound``; ``what`` describes the figure in words."""
    if not math.isfinite(figure):
        return Check(
            name, None, float(bound), relation, False, f"{what}: unknown; {relation} {bound:g} needed"
        )
    gap = figure - bound if relation == ">=" else bound - figure
    passed = gap >= -ROUNDING
    found = f"{shown(figure)} is {'' if passed else 'not '}{relation} {bound:g}"
    return Check(name, float(figure), float(bound), relation, passed, f"{found} ({what})")


def shown(figure: float, digits: int = 4) -> str:
    """Text of a figure for people: so many digits, or whole with separators from 1,000 on."""
    if not math.isfinite(figure):
        return "unknown"
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.{digits}g}"
