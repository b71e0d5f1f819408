"""What a person said of a log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from newsletter_bandit.first_use.named_roles import Role


@dataclass(frozen=True)
class Answers:
    """What a person said; what is left out is proposed, where that can be.

    Attributes:
      name: of the use case.
      roles: role -> column; `-` says that there is none.
      meanings: `clicked` or `unsubscribed` -> texts of its column that mean yes.
      names: text of the recommender's column -> name in the use case.
      without: columns that shall be no features.
      time_zone: of times that name none.
      split: text of one split for all rows; see `parse_split`.
      rule_column: column that decided which split holds.
      rules: its value -> text of the split.
      estimate_by: columns that decided, where nobody knows the shares: probabilities are estimated by them.
      sent_on: day on which all were sent, where `-` is the column of the time.
      misfit_is_known: the person insists on shares that the log contradicts.
    """

    name: str | None = None
    roles: Mapping[Role, str] = field(default_factory=dict)
    meanings: Mapping[Role, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()
    time_zone: str | None = None
    split: str | None = None
    rule_column: str | None = None
    rules: Mapping[str, str] = field(default_factory=dict)
    estimate_by: Sequence[str] = ()
    sent_on: dt.date | None = None
    misfit_is_known: bool = False
