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
    off = _too_often(actions)
    reason = (
        f"the log holds {_times([*off, *too_seldom(actions)])} as often as the propensities say, so the "
        "propensities are wrong"
    )
    return mean_weight, Check(name, largest, bound, "<=", not off, reason if off else "")


def _too_often(actions: Sequence[ActionFigures]) -> list[ActionFigures]:
    return [
        each
        for each in actions
        if each.sample_ratio > 1.0 + _TOLERANCE and each.sample_ratio_distance > _STANDARD_ERRORS
    ]


def too_seldom(actions: Sequence[ActionFigures]) -> list[ActionFigures]:
    """The actions that the table holds more seldom than their propensities say, most seldom first.

    Alone this is no fault: such an action may have been impossible in some rows.
    """
    found = [
        each
        for each in actions
        if each.sample_ratio < 1.0 - _TOLERANCE and each.sample_ratio_distance < -_STANDARD_ERRORS
    ]
    return sorted(found, key=lambda each: each.sample_ratio)


def of_seldom(actions: Sequence[ActionFigures], estimated: bool) -> list[str]:
    """A sentence on those actions, where no other stands in the table too often; see `of_propensities`."""
    seldom = [] if estimated or _too_often(actions) else too_seldom(actions)
    if not seldom:
        return []
    return [
        f"The log holds {_times(seldom)} as often as the propensities say. That is right only if they could "
        "not be taken in the other rows; if they could, rows are missing or the propensities are wrong."
    ]


def _times(actions: Sequence[ActionFigures]) -> str:
    return listed([f"{each.action} {shown(each.sample_ratio, 3)} times" for each in actions])
