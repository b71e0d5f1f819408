"""Do the propensities of a table fit the table?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from newsletter_bandit.checks import Check, shown
from newsletter_bandit.off_policy.checks import listed
from newsletter_bandit.off_policy.logged_table.overlap import ActionFigures

_STANDARD_ERRORS = 5.0
_TOLERANCE = 0.05


def of_propensities(
    mean_weight: Check, actions: Sequence[ActionFigures], estimated: bool
) -> tuple[Check, ...]:
    """The checks of the propensities, a passed one without a sentence.

    Nobody says in which rows an action could be taken, so only an action that stands in the table more often
    than its propensities allow in any case is a fault.

    Args:
      mean_weight: the check of the mean weights.
      actions: figures of each action; empty if there were too many.
      estimated: the propensities were estimated from the table, which they then fit.
    """
    largest = max((each.sample_ratio for each in actions if each.rows), default=math.nan)
    name, bound = "sample ratio", 1.0 + _TOLERANCE
    if estimated or math.isnan(largest):
        return (mean_weight,)
    off = [
        f"{each.action} {shown(each.sample_ratio, 3)} times"
        for each in actions
        if each.sample_ratio > bound and each.sample_ratio_distance > _STANDARD_ERRORS
    ]
    reason = f"the log holds {listed(off)} as often as the propensities say, so the propensities are wrong"
    return mean_weight, Check(name, largest, bound, "<=", not off, reason if off else "")
