"""The interface of a learner in the closed loop; a peer's library can fulfil it too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from newsletter_bandit.simulation.users import Floats, Ints


@dataclass(frozen=True, eq=False)
class FirstSlots:
    """The recommenders that fill n newsletters.

    Attributes:
      served: column [n] of the recommender.
      propensity: probability [n] with which it was chosen, in (0, 1].
      greedy: column [n] that would be served without exploring; None if unknown.
    """

    served: Ints
    propensity: Floats
    greedy: Ints | None = None


class Model(Protocol):
    """A trained policy."""

    @property
    def version(self) -> str:
        """Value of the column `policy_version` for what it sends."""

    def first_slots(self, inference: pa.Table, day: dt.date) -> FirstSlots:
        """Fills the newsletters of the rows of an inference table, which are sent on `day`."""


@dataclass(frozen=True, eq=False)
class Gating:
    """A gate's verdict on a candidate and the rows behind it, so that the truth can be compared with it.

    Attributes:
      verdict: "blessed", "not_blessed" or "cannot_tell".
      compared_with: version in production, or "logging policy".
      difference: estimated value of the candidate minus that of its rival; None if it is unknown.
      low, high: the gate's two-sided interval of it; None if it is unknown.
      rows: rows [m] of the window's tables, one after the other, that were evaluated.
      candidate: first-slot probabilities [m, K] of the candidate's serving policy.
      production: the same for the model in production; None if the candidate's rival is the logging policy.
      reference: earlier version that it was compared with as well; None for nothing.
    """

    verdict: str
    compared_with: str
    difference: float | None
    low: float | None
    high: float | None
    rows: Ints
    candidate: Floats
    production: Floats | None
    reference: str | None = None


@dataclass(frozen=True, eq=False)
class Learnt:
    """The result of one training.

    Attributes:
      model: model that serves from now on; None keeps the previous one.
      gating: None for a learner without a gate.
      seconds: wall clock by part.
    """

    model: Model | None
    gating: Gating | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


class Learner(Protocol):
    """Learns one model per week; a fresh one is made for each run."""

    @property
    def name(self) -> str:
        """Name in tables and files: letters, digits, `_` and `-`."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that its outcome depends on, as JSON-able values; they decide if a finished run is kept."""

    def learn(self, window: Sequence[pa.Table], day: dt.date) -> Learnt:
        """Learns from the newsletters of the last weeks.

        Args:
          window: training rows, one table per week, oldest first; a week's table is always the same object.
          day: day of the training; the newsletters of this day are the next to be filled.
        """
