"""Options for the evaluation of a logged table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.off_policy import intervals
from newsletter_bandit.off_policy.logged_table.reading import BATCH_ROWS
from newsletter_bandit.off_policy.logged_table.support import Bounds

_NEEDS_RANGE = ("empirical_bernstein", "clopper_pearson")


@dataclass(frozen=True)
class Options:
    """Options of an evaluation.

    Attributes:
      weight_clip: largest weight used, more than 0; None uses the weights as they are.
      reward_range: smallest and largest possible reward (of a ranking's position); a reward outside is
        refused. None: it is unknown, so no interval can allow for rewards that are too rare to have been
        seen.
      confidence: confidence of the two-sided intervals, in (0, 1).
      interval: method of the intervals, one of `newsletter_bandit.off_policy.intervals.METHODS`. None: the
        bootstrap by user if users are known, otherwise `DEFAULT` of that module.
      click_model: how the positions of a ranking affect each other; only with `Columns.slate`.
      bounds: least evidence that the log must hold.
      folds: number of cross-fitting folds, 2 or more.
      sample_rows: largest number of rows that models are fitted on.
      batch_rows: rows processed at a time; the figures do not depend on it.

    Raises:
      SettingsError: a value is outside its range, or the method needs what was not given.
    """

    weight_clip: float | None = None
    reward_range: tuple[float, float] | None = None
    confidence: float = 0.95
    interval: str | None = None
    click_model: str | None = None
    bounds: Bounds = field(default_factory=Bounds)
    folds: int = 3
    sample_rows: int = 100_000
    batch_rows: int = BATCH_ROWS

    def __post_init__(self) -> None:
        if self.weight_clip is not None and not self.weight_clip > 0:
            raise SettingsError(f"`weight_clip`: found {self.weight_clip:g}; allowed: more than 0")
        if not 0.0 < self.confidence < 1.0:
            raise SettingsError(
                f"`confidence`: found {self.confidence:g}; allowed: more than 0 and less than 1"
            )
        if self.reward_range is not None:
            low, high = self.reward_range
            if not -math.inf < low < high < math.inf:
                raise SettingsError(
                    f"`reward_range`: found {low:g} {high:g}; allowed: finite, the smaller first"
                )
        if self.interval is not None and self.interval not in intervals.METHODS:
            raise SettingsError(f"`interval`: found {self.interval}; allowed: {', '.join(intervals.METHODS)}")
        if self.interval in _NEEDS_RANGE and self.reward_range is None:
            raise SettingsError(
                f"`interval` {self.interval}: holds for rewards in a known range; allowed: with "
                "`reward_range`"
            )
        if self.folds < 2:
            raise SettingsError(f"`folds`: found {self.folds}; allowed: 2 or more")
