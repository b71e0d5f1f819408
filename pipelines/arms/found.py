"""What is found of each recommender, as records and as values for JSON."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

ArmVerdict = Literal["keep", "retire", "cannot_tell", "retired"]
Trend = Literal["rising", "falling", "not sure"]


class Range(NamedTuple):
    """A figure with its two-sided interval, in units of reward; NaN or infinite where nothing is known."""

    value: float = math.nan
    low: float = -math.inf
    high: float = math.inf

    def content(self) -> dict[str, float | None]:
        """The figures as JSON values; None where nothing is known."""
        return {name: figure if math.isfinite(figure) else None for name, figure in self._asdict().items()}


UNKNOWN = Range()


@dataclass(frozen=True)
class Week:
    """One week of a recommender.

    Attributes:
      start: first day.
      rows: newsletters that showed it.
      share: of all newsletters of the week, in [0, 1].
      value: off-policy value of always showing it where it was eligible.
    """

    start: dt.date
    rows: int
    share: float
    value: Range

    def content(self) -> dict[str, Any]:
        """The week as JSON values."""
        return {
            "start": self.start.isoformat(),
            "rows": self.rows,
            "share": self.share,
            "value": self.value.content(),
        }


@dataclass(frozen=True)
class Logged:
    """What the window holds of a recommender.

    Attributes:
      recommender: its name today.
      rows: newsletters that showed it.
      share: of all newsletters of the window, in [0, 1].
      mean_reward: their mean reward as logged; NaN without any.
      value: off-policy value of always showing it where it was eligible.
      slope: change of that value per week.
      trend: of the slope, at the confidence that is left for each of the recommenders.
      weeks: of the window, the oldest first.
    """

    recommender: str
    rows: int
    share: float
    mean_reward: float
    value: Range
    slope: Range
    trend: Trend
    weeks: tuple[Week, ...]


@dataclass(frozen=True)
class Judged:
    """The verdict on a recommender.

    Attributes:
      verdict: what to do with it.
      reason: a sentence without a full stop.
      gain: value of production's policy without it, less the value with it; paired. Unknown where nothing was
        compared.
    """

    verdict: ArmVerdict
    reason: str
    gain: Range = UNKNOWN


@dataclass(frozen=True)
class Arm:
    """A recommender: what the log holds of it, how often it is served, and what to do with it.

    Attributes:
      logged: what the window holds.
      stored_share: share of the stored rankings that it leads, in [0, 1]; None if none is known.
      model_share: share of the newsletters in which production's policy would show it; None likewise.
      judged: the verdict.
    """

    logged: Logged
    stored_share: float | None
    model_share: float | None
    judged: Judged

    @property
    def served_share(self) -> float | None:
        """Its share of what is served: of the stored rankings, else of what the model would do."""
        return self.model_share if self.stored_share is None else self.stored_share

    def content(self) -> dict[str, Any]:
        """The recommender as JSON values."""
        logged = self.logged
        return {
            "recommender": logged.recommender,
            "verdict": self.judged.verdict,
            "reason": self.judged.reason,
            "gain_without": self.judged.gain.content(),
            "rows": logged.rows,
            "mean_reward": logged.mean_reward if math.isfinite(logged.mean_reward) else None,
            "value": logged.value.content(),
            "logged_share": logged.share,
            "stored_share": self.stored_share,
            "model_share": self.model_share,
            "trend": logged.trend,
            "slope_per_week": logged.slope.content(),
            "weeks": [week.content() for week in logged.weeks],
        }


@dataclass(frozen=True)
class ArmsFound:
    """Every recommender of a use case, over one window.

    Attributes:
      use_case: its name.
      window: first day and day after the last.
      rows: newsletters of the window.
      judged_rows: newsletters of held-out users, on which the policies were compared.
      version: version in production; None if there is none.
      policy_value: value of its policy on those rows; unknown without a version.
      stored: day and version of the stored rankings, such as "2026-11-23, 20261123T101500Z-1a2b3c4d"; None
        if nothing is known of them.
      confidence: of each interval of a gain and of a trend, corrected for the number of recommenders.
      value_confidence: of the values' intervals.
      allowed_loss: value that the retirement of one may cost at the lower end of its interval, in units of
        reward per newsletter; NaN where it is unknown.
      arms: in the order of the settings.
    """

    use_case: str
    window: tuple[dt.date, dt.date]
    rows: int
    judged_rows: int
    version: str | None
    policy_value: Range
    stored: str | None
    confidence: float
    value_confidence: float
    allowed_loss: float
    arms: tuple[Arm, ...]

    def content(self) -> Mapping[str, Any]:
        """The whole as JSON values."""
        first, after = self.window
        return {
            "use_case": self.use_case,
            "window": [first.isoformat(), (after - dt.timedelta(days=1)).isoformat()],
            "rows": self.rows,
            "judged_rows": self.judged_rows,
            "version": self.version,
            "policy_value": self.policy_value.content(),
            "stored": self.stored,
            "confidence": self.confidence,
            "value_confidence": self.value_confidence,
            "allowed_loss": self.allowed_loss if math.isfinite(self.allowed_loss) else None,
            "recommenders": [arm.content() for arm in self.arms],
        }
