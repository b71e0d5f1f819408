"""Training windows: which days a training reads."""

from __future__ import annotations

import datetime as dt

from pydantic import Field, model_validator

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.base import Settings


class Window(Settings):
    """Training windows: ``weeks`` long, each overlapping the one before by ``overlap_weeks``.

    ``anchor`` is the first day of window 0; window k starts k * (weeks - overlap_weeks) weeks later.
    """

    weeks: int = Field(default=4, ge=1, le=104)
    overlap_weeks: int = Field(default=1, ge=0, le=103)
    anchor: dt.date = dt.date(2024, 1, 1)

    @model_validator(mode="after")
    def _advances(self) -> Window:
        if self.overlap_weeks >= self.weeks:
            raise ValueError(
                f"overlap_weeks is {self.overlap_weeks}; allowed: 0 to weeks - 1 = {self.weeks - 1}"
            )
        return self

    def latest(self, run_date: dt.date, attribution_days: int) -> tuple[dt.date, dt.date]:
        """First day and day after the last of the newest window whose outcomes are all final on ``run_date``.

        Raises:
          SettingsError: ``run_date`` is before the first window is complete.
        """
        length = dt.timedelta(weeks=self.weeks)
        step = dt.timedelta(weeks=self.weeks - self.overlap_weeks)
        cycles = (run_date - dt.timedelta(days=attribution_days) - self.anchor - length) // step
        if cycles < 0:
            first = self.anchor + length + dt.timedelta(days=attribution_days)
            raise SettingsError(
                f"run date {run_date}: the first training window (window.anchor {self.anchor}) is complete "
                f"and attributed on {first}; allowed: {first} or later"
            )
        start = self.anchor + cycles * step
        return start, start + length
