"""What counts as a propensity, wherever one is written, stored, read or divided by."""

from __future__ import annotations

from typing import Any, overload

# Probabilities come out of float32 graphs; this much above 1 is rounding.
ROUNDING = 1e-5
LARGEST = 1.0 + ROUNDING


@overload
def is_propensity(value: float) -> bool: ...
@overload
def is_propensity(value: Any) -> Any: ...
def is_propensity(value: Any) -> Any:
    """Whether a number, or each number of an array, is in (0, 1], up to `ROUNDING`; NaN is not."""
    return (value > 0.0) & (value <= LARGEST)
