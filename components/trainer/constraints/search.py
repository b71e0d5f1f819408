"""The search for multipliers: coordinate ascent on the dual, with a bisection along each coordinate.

The policy that maximises reward - multiplier x outcome breaks a bound the less, the larger the multiplier:
the Lagrangian's dual is convex, and its slope along a multiplier is by how much the bound is broken. So the
best multiplier along one coordinate, the others as they are, is the smallest at which the bound holds, which
a bisection finds; a few passes over all coordinates find all.

See "Bandits with Knapsacks" by Badanidiyuru, Kleinberg and Slivkins (2013, https://arxiv.org/abs/1305.2545),
whose policies subtract prices times consumption, and "BanditLP" by LinkedIn (https://arxiv.org/abs/2601.15552),
which finds them as the duals of a linear program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

# Multipliers that are tried, in units of the scale, before the bisection; and its steps.
_TRIED = tuple(2.0**power for power in range(-5, 7))
_STEPS = 8
# Of what multipliers can take away from a broken bound, the share that is not worth a larger one.
_HARDLY = 0.1
# A pass that moves no multiplier by more than this, in units of its scale, is the last.
_STILL = 2.0**-7


@dataclass(frozen=True)
class Coordinate:
    """One multiplier.

    Attributes:
      beyond: for each bound that it holds, the multiplier's sign with which it holds it, and by how much the
        bound is broken as a function of the multiplier, the others being what they are; 0 or less if it
        holds.
      scale: size of a multiplier that matters; 0 where none does.
    """

    beyond: Sequence[tuple[float, Callable[[float], float]]]
    scale: float


def solve(
    coordinates: Sequence[Coordinate], settle: Callable[[int, float], None], rounds: int
) -> list[float]:
    """The multipliers, one per coordinate.

    Args:
      coordinates: at 0 each to begin with.
      settle: called with a coordinate and its value, which holds for what follows.
      rounds: most passes.
    """
    values = [0.0] * len(coordinates)
    for _ in range(rounds):
        moved = 0.0
        for number, one in enumerate(coordinates):
            value = _along(one)
            settle(number, value)
            if one.scale > 0.0:
                moved = max(moved, abs(value - values[number]) / one.scale)
            values[number] = value
        if moved <= _STILL or len(coordinates) == 1:
            break
    return values


def _along(one: Coordinate) -> float:
    """The value nearest to 0 at which the coordinate's bounds hold, or are broken hardly more than at
    any.
    """
    for sign, beyond in one.beyond:
        if one.scale > 0.0 and beyond(0.0) > 0.0:
            return sign * _least(partial(_towards, beyond, sign), one.scale)
    return 0.0


def _towards(beyond: Callable[[float], float], sign: float, size: float) -> float:
    return beyond(sign * size)


def _least(beyond: Callable[[float], float], scale: float) -> float:
    """The smallest size at which a bound that is broken at 0 holds; where it never does, the smallest at
    which it is broken hardly more than at any.
    """
    low, found = 0.0, {0.0: beyond(0.0)}
    for tried in _TRIED:
        high = scale * tried
        found[high] = beyond(high)
        if found[high] <= 0.0:
            break
        low = high
    else:
        # Beyond some size a multiplier changes little but chance, and only costs.
        least = min(found.values())
        takes_away = found[0.0] - least
        # Of intervals without an end, which few rows have, a share says nothing.
        enough = least + (_HARDLY * takes_away if math.isfinite(takes_away) else 0.0)
        return next(size for size, broken in found.items() if broken <= enough)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if beyond(middle) <= 0.0:
            high = middle
        else:
            low = middle
    return high
