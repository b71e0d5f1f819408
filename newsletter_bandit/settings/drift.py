"""How far features may move between the version in production and the next training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from newsletter_bandit.settings.base import Identifier, Probability, Settings


class DriftBounds(Settings):
    """Bounds beyond which a feature has drifted since the version in production was trained.

    Attributes:
      max_categorical_distance: of a string or bool, by how much the share of one value may change (the
        L-infinity distance); 0.1 is ten points. 1 switches it off.
      max_numeric_distance: of a number or date, the largest Jensen-Shannon divergence, in [0, 1]; 0.05 is a
        normal distribution that moved by about half of its standard deviation. 1 switches it off.
      max_missing_change: by how much the share of rows without a value may change. 1 switches it off.
      max_new_share: of a string, which share of the rows may have a value that no row had, and which share
        may have had one that no row has any more. 1 switches it off.
      judged_from_rows: with fewer training rows on either side, no difference is called drift.
      ignored: features that are shown and never called drifted, such as one that changes with the season.
      when_beyond: `report` names the feature in the report and on the terminal; `stop` ends the training
        before the model learns anything.
    """

    max_categorical_distance: Probability = 0.1
    max_numeric_distance: Probability = 0.05
    max_missing_change: Probability = 0.05
    max_new_share: Probability = 0.05
    judged_from_rows: int = Field(default=1000, ge=1)
    ignored: tuple[Identifier, ...] = ()
    when_beyond: Literal["report", "stop"] = "report"
