"""Settings that suit the size of a log: agent, window, and the share that the gate judges on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.settings.use_case import Gate

# Rows of four weeks below which a log is small: linear agent, longer window.
SMALL_LOG_ROWS = 100_000
WEEKS, OVERLAP_WEEKS = 4, 1
SMALL_LOG_WEEKS = 26
_MOST_WEEKS = 104
ATTRIBUTION_DAYS = 3

# Unsubscribes on which the gate judges: with fewer than the first, none of its bounds could hold, and with
# fewer than the second the default would hold for hardly any model.
FEW_UNSUBSCRIBES, MANY_UNSUBSCRIBES = 20, 1000
WIDE_UNSUBSCRIBE_RATIO = 4.0

# The share that the gate judges on, the first that gives it so many rows.
_EVAL_SHARES = ((0.2, 20_000), (0.3, 6_000), (0.5, 0))

_LINEAR: dict[str, Any] = {
    "agent": {"type": "lin_ucb", "alpha": 0.1, "l2": 300.0},
    "propensity_weighting": {"enabled": False},
    "exploration": {"epsilon": 0.05, "max_cost": "15%"},
}
_NETWORK: dict[str, Any] = {
    "agent": {
        "type": "boltzmann",
        "temperature": 0.005,
        "hidden_layers": [64],
        "learning_rate": 0.006,
        "batch_size": 512,
        "epochs": 12,
        "weight_decay": 0.3,
    },
    "propensity_weighting": {"enabled": False},
    "exploration": {"epsilon": 0.02, "max_cost": "15%"},
    "warm_start": {"enabled": True},
}


@dataclass(frozen=True)
class Plan:
    """Settings that follow from the log's size and days.

    Attributes:
      small: whether it has fewer than `SMALL_LOG_ROWS` rows in its last four weeks.
      learning: the use case's blocks `agent`, `propensity_weighting`, `exploration` and so on.
      window: its block `window`; the first window ends with the log.
      window_rows: rows of that window.
      run_date: day on which that window is complete and its outcomes are final.
      eval_share: share of the users on which the gate judges.
      attribution_days: days for which an outcome can still change.
    """

    small: bool
    learning: Mapping[str, Any]
    window: Mapping[str, Any]
    window_rows: int
    run_date: dt.date
    eval_share: float
    attribution_days: int = ATTRIBUTION_DAYS

    @property
    def judged(self) -> int:
        """Rows that the gate will judge on, about."""
        return round(self.window_rows * self.eval_share)

    @property
    def too_few(self) -> bool:
        """The gate will not be able to tell."""
        return self.judged < Gate().min_rows


def plan(sends: Mapping[dt.date, int], today: dt.date) -> Plan:
    """The plan for a log.

    Args:
      sends: day (UTC) -> newsletters sent on it; at least one.
      today: rows younger than `ATTRIBUTION_DAYS` are not in the window yet.
    """
    # A day in the future is a slip of the pen, unless all are.
    days = [day for day in sends if day <= today] or list(sends)
    first, last = min(days), max(days)
    end = min(last + dt.timedelta(days=1), today - dt.timedelta(days=ATTRIBUTION_DAYS))
    if end <= first:  # all of it is of the last days, or of the future
        end = last + dt.timedelta(days=1)
    small = _rows(sends, end - dt.timedelta(weeks=WEEKS), end) < SMALL_LOG_ROWS
    span = math.ceil((end - first).days / 7)
    weeks = min(max(span, SMALL_LOG_WEEKS), _MOST_WEEKS) if small else WEEKS
    start = end - dt.timedelta(weeks=weeks)
    rows = _rows(sends, start, end)
    return Plan(
        small=small,
        learning=_LINEAR if small else _NETWORK,
        window={"weeks": weeks, "overlap_weeks": weeks - 1 if small else OVERLAP_WEEKS, "anchor": start},
        window_rows=rows,
        run_date=end + dt.timedelta(days=ATTRIBUTION_DAYS),
        eval_share=next(share for share, needed in _EVAL_SHARES if rows * share >= needed),
    )


def max_unsubscribe_ratio(judged: float) -> float | None:
    """Bound of the gate for a log with so many unsubscribes to judge on; None switches the check off."""
    if judged < FEW_UNSUBSCRIBES:
        return None
    return WIDE_UNSUBSCRIBE_RATIO if judged < MANY_UNSUBSCRIBES else Gate().max_unsubscribe_ratio


def _rows(sends: Mapping[dt.date, int], start: dt.date, end: dt.date) -> int:
    return sum(count for day, count in sends.items() if start <= day < end)
