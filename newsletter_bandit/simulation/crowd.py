"""The subjects of a world and the truth about them, behind one interface, whoever describes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from newsletter_bandit.settings.reward import Bounds
from newsletter_bandit.simulation.behaviour import Policy, Seen
from newsletter_bandit.simulation.contents import Contents
from newsletter_bandit.simulation.users import Bools, Floats, Ints


class Outcome(Protocol):
    """A number that comes of a decision, beside clicks and unsubscribes."""

    def expected(self, users: Ints, day: Ints, click: Floats, clip: Bounds | None) -> Floats:
        """E[the outcome after its clip | user, recommender, day] [n, K].

        Args:
          users, day: positions and days [n].
          click: P(click) [n, K], as `Crowd.click_probability` gives it.
          clip: smallest and largest value that counts; None counts all.
        """

    def draw(self, rng: np.random.Generator, users: Ints, day: Ints, served: Ints, clicked: Bools) -> Floats:
        """What came of what was served [n]. As many random numbers are drawn whatever was served."""


class Crowd(Protocol):
    """Subjects 0 to n - 1. Results for all recommenders [n, K] have the order of `Contents.recommenders`.

    Users are positions [n]; days [n] count from the world's first day.
    """

    @property
    def contents(self) -> Contents:
        """Recommenders, features and outcomes."""

    @property
    def ids(self) -> pa.Array:
        """The id of each subject."""

    @property
    def rules(self) -> Policy:
        """The policy that filled the log before anything was learned."""

    @property
    def long_tailed(self) -> frozenset[str]:
        """Features of whose value a learner of numbers had better take the logarithm."""

    def seen(self, users: Ints) -> Seen:
        """What a policy sees of the users."""

    def eligible(self, users: Ints) -> Bools:
        """Which recommenders fit [n, K]."""

    def features(self, names: Sequence[str], users: Ints, day: Ints, epoch: dt.date) -> dict[str, pa.Array]:
        """Features as the shop knows them on `day`, days since `epoch`; unknown is NULL."""

    def sending_time(self, rng: np.random.Generator, users: Ints, day: Ints) -> tuple[Ints, Ints]:
        """Places in `users` in the order of sending, and when [n], in microseconds from the epoch, ascending.

        `day` [n] is ascending too; with a world of hours, users of one day change places.
        """

    def click_probability(self, users: Ints, day: Ints) -> Floats:
        """P(click | user, recommender, day) [n, K]."""

    def unsubscribe_probability(self, users: Ints) -> Floats:
        """P(unsubscribe | click, user, recommender) [n, K]."""

    def outcome(self, name: str) -> Outcome:
        """One of `Contents.outcomes`."""
