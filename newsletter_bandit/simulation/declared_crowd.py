"""The subjects of a world that its file describes, and the truth about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from newsletter_bandit.settings.reward import Bounds
from newsletter_bandit.settings.world import Amount, DeclaredWorld, Rules
from newsletter_bandit.settings.world_effects import Sum, is_long_tailed
from newsletter_bandit.settings.world_features import DayOfWorld
from newsletter_bandit.simulation import amounts, subjects, tables
from newsletter_bandit.simulation.behaviour import Audience, mixed
from newsletter_bandit.simulation.contents import Contents
from newsletter_bandit.simulation.crowd import Outcome
from newsletter_bandit.simulation.effects import Effects, Values, holds
from newsletter_bandit.simulation.subjects import Subjects
from newsletter_bandit.simulation.users import Bools, Floats, Ints


def contents_of(settings: DeclaredWorld) -> Contents:
    """What a world file knows."""
    return Contents(
        settings.recommenders,
        settings.feature_types,
        tuple(settings.outcomes),
        frozenset(settings.eligible),
    )


class DeclaredCrowd:
    """See `crowd.Crowd`.

    Args:
      settings: the world file.
      of_users: draws the subjects.
      of_truth: draws what the file leaves to the seed.
      size: number of subjects.
    """

    def __init__(
        self,
        settings: DeclaredWorld,
        of_users: np.random.Generator,
        of_truth: np.random.Generator,
        size: int,
    ) -> None:
        self._settings = settings
        self.contents = contents_of(settings)
        self.long_tailed = frozenset(name for name, one in settings.features.items() if is_long_tailed(one))
        self._subjects = subjects.draw(settings.features, of_users, size)
        self.ids = tables.ids(settings.subjects.ids, self._subjects.number)

        def effects(made: Sum) -> Effects:
            return Effects(made, settings.features, settings.recommenders, of_truth)

        self._click = effects(settings.click)
        self._drift = _Drift(settings, of_truth)
        self._unsubscribe = None if settings.unsubscribe is None else effects(settings.unsubscribe)
        self._outcomes = {
            name: DeclaredOutcome(
                amount,
                None if amount.happens is None else effects(amount.happens),
                effects(amount.size),
                self._values,
            )
            for name, amount in settings.outcomes.items()
        }
        self.rules = DeclaredRules(settings.rules, effects(settings.rules.preference), settings.recommenders)

    def seen(self, users: Ints) -> Subjects:
        """See `crowd.Crowd`."""
        return self._subjects.take(users)

    def eligible(self, users: Ints) -> Bools:
        """See `crowd.Crowd`; days count to the world's first, so it does not change with time."""
        of = self._settings
        mask = np.ones((len(users), len(of.recommenders)), dtype=np.bool_)
        values = self.seen(users).values if of.eligible else {}
        for name, when in of.eligible.items():
            mask[:, of.recommenders.index(name)] = holds(when, of.features, values, len(users))
        return mask

    def features(self, names: Sequence[str], users: Ints, day: Ints, epoch: dt.date) -> dict[str, pa.Array]:
        """See `crowd.Crowd`."""
        of, known = self._settings.features, self.seen(users).known
        values = self._values(users, day)
        return {
            name: tables.known_dates(day - values[name], known[name], epoch)
            if isinstance(of[name], DayOfWorld)
            else subjects.column(of[name], values[name], known[name])
            for name in names
        }

    def sending_time(self, rng: np.random.Generator, users: Ints, day: Ints) -> tuple[Ints, Ints]:
        """See `crowd.Crowd`."""
        sending = self._settings.sending
        if sending.hour is None:
            first, end = sending.hours
            return np.arange(len(users)), tables.sorted_times(rng, day, first, end - first)
        hour = self._subjects.values[sending.hour][users].astype(np.int64)
        within = rng.integers(0, tables.MICROSECONDS_PER_HOUR, len(day))
        sent = (24 * day + hour) * tables.MICROSECONDS_PER_HOUR + within
        order = np.argsort(sent, kind="stable")
        return order, sent[order]

    def click_probability(self, users: Ints, day: Ints) -> Floats:
        """See `crowd.Crowd`."""
        return _sigmoid(self._click(self._values(users, day), len(users)) + self._drift(day))

    def unsubscribe_probability(self, users: Ints) -> Floats:
        """See `crowd.Crowd`; 0 in a world without unsubscribes."""
        if self._unsubscribe is None:
            return np.zeros((len(users), len(self._settings.recommenders)))
        return _sigmoid(self._unsubscribe(self.seen(users).values, len(users)))

    def outcome(self, name: str) -> Outcome:
        """See `crowd.Crowd`."""
        return self._outcomes[name]

    def _values(self, users: Ints, day: Ints) -> Values:
        """The truth about the users on `day`."""
        values = self.seen(users).values
        days = [name for name, one in self._settings.features.items() if isinstance(one, DayOfWorld)]
        return {**values, **{name: values[name] + day for name in days}}


class DeclaredOutcome:
    """An amount of a world file: whether there is one, and how large it is; see `crowd.Outcome`."""

    def __init__(
        self,
        settings: Amount,
        happens: Effects | None,
        size: Effects,
        values: Callable[[Ints, Ints], Values],
    ) -> None:
        self._settings = settings
        self._happens = happens
        self._size = size
        self._values = values

    def expected(self, users: Ints, day: Ints, click: Floats, clip: Bounds | None) -> Floats:
        """See `crowd.Outcome`."""
        of = self._settings
        chance, size = self._parts(users, day)
        if of.after == "click":
            chance = chance * click
        mean = (
            amounts.lognormal_mean(size, of.log_spread, clip)
            if of.kind == "lognormal"
            else amounts.poisson_mean(size, clip)
        )
        return chance * mean + (1.0 - chance) * amounts.clipped(0.0, clip)

    def draw(self, rng: np.random.Generator, users: Ints, day: Ints, served: Ints, clicked: Bools) -> Floats:
        """See `crowd.Outcome`."""
        of, count = self._settings, len(users)
        chance, size = (part[np.arange(count), served] for part in self._parts(users, day))
        happened = rng.random(count) < chance
        if of.after == "click":
            happened &= clicked
        normal = rng.standard_normal(count)
        drawn = (
            amounts.draw_lognormal(normal, size, of.log_spread, of.decimals)
            if of.kind == "lognormal"
            else amounts.draw_poisson(normal, size)
        )
        return np.where(happened, drawn, 0.0)

    def _parts(self, users: Ints, day: Ints) -> tuple[Floats, Floats]:
        """Its probability and the logarithm of its median or mean [n, K] each."""
        values = self._values(users, day)
        size = self._size(values, len(users))
        if self._happens is None:
            return np.ones_like(size), size
        return _sigmoid(self._happens(values, len(users))), size


class _Drift:
    """The slow swing of each recommender's log-odds of a click."""

    def __init__(self, settings: DeclaredWorld, rng: np.random.Generator) -> None:
        count, drift = len(settings.recommenders), settings.drift
        self._size = rng.normal(0.0, 0.0 if drift is None else drift.spread, count)
        self._phase = rng.uniform(0.0, 2.0 * np.pi, count)
        self._period = 7.0 * rng.uniform(*((1.0, 1.0) if drift is None else drift.weeks), count)  # days

    def __call__(self, day: Ints) -> Floats:
        """The swing on each day [n, K]."""
        days, code = np.unique(day, return_inverse=True)
        angle = 2.0 * np.pi * days[:, None] / self._period + self._phase
        return np.asarray((self._size * np.sin(angle))[code])


class DeclaredRules:
    """The policy of a world file that filled the log; see `behaviour.Policy`."""

    def __init__(self, settings: Rules, preference: Effects, recommenders: Sequence[str]) -> None:
        self.version = settings.version
        self._uniform_share = settings.uniform_share
        self._preference = preference
        self._recommenders = list(recommenders)

    def probabilities(self, audience: Audience) -> Floats:
        """See `behaviour.Policy`."""
        users = audience.users
        if not isinstance(users, Subjects):
            raise AssertionError("the rule of a world file with users of another world")
        columns = [self._recommenders.index(name) for name in audience.recommenders]
        logits = self._preference(users.values, len(users.number))[:, columns]
        return mixed(logits, audience.eligible, self._uniform_share)


def _sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))
