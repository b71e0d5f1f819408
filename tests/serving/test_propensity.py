from __future__ import annotations

import math

import numpy as np
import pytest

from serving.propensity import LARGEST, is_propensity


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5e-324, True),
        (0.5, True),
        (1.0, True),
        (float(np.nextafter(np.float32(1), np.float32(2))), True),
        (LARGEST, True),
        (math.nextafter(LARGEST, 2.0), False),
        (0.0, False),
        (-0.5, False),
        (math.nan, False),
        (math.inf, False),
    ],
)
def test_above_0_and_at_most_1_up_to_the_rounding_of_float32(value: float, expected: bool) -> None:
    assert is_propensity(value) is expected
    assert is_propensity(np.array([value, value])).tolist() == [expected, expected]
