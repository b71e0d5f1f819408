"""The closed loop of every week: rank, send, observe, log with propensity, learn on a rolling window, serve.

Nothing here depends on how a learner learns. All learners of one seed meet the same world, the same warm-up
log, the same recipients each week and the same luck (`World.send`), so their differences are their own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import NEWSLETTER, WorldSettings, subjects_come
from newsletter_bandit.simulation.behaviour import draw
from newsletter_bandit.simulation.learner import FirstSlots, Gating, Learner, Model
from newsletter_bandit.simulation.rewards import observed
from newsletter_bandit.simulation.runs import Run, Week
from newsletter_bandit.simulation.truth import policy_values
from newsletter_bandit.simulation.users import Ints
from newsletter_bandit.simulation.world import World

_SPARE_USERS = 1.2  # users for each newsletter of a week
_WARM_UP_DRAWS = 0x72756C6573  # stream of the warm-up policy's choices

# (number of the week, name of the part in progress)
OnPart = Callable[[int, str], None]


@dataclass(frozen=True)
class Setting:
    """Length and size of a run.

    Attributes:
      weeks: trainings, each followed by a week of newsletters.
      newsletters: newsletters per week.
      warm_up_weeks: weeks that the world's rule fills before the first training.
      window_weeks: newest weeks that a training sees.
    """

    weeks: int
    newsletters: int
    warm_up_weeks: int = 4
    window_weeks: int = 4

    @classmethod
    def of(cls, use_case: UseCase, weeks: int, newsletters: int) -> Setting:
        """With the use case's training window."""
        return cls(weeks, newsletters, window_weeks=use_case.window.weeks)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise SettingsError(f"closed loop: {name}: found {value}; allowed: 1 or more")


@dataclass(frozen=True, eq=False)
class Start:
    """The state in which every learner of one seed begins.

    Attributes:
      world: the truth.
      warm_up: a table of training rows for each week before the first training.
      digest: digest of the warm-up's recipients, choices and outcomes; equal digests mean equal worlds and
        logs.
    """

    world: World
    warm_up: tuple[pa.Table, ...]
    digest: str


def monday(world: World, week: int) -> dt.date:
    """Day of sending of a week; the first of the warm-up is week 0. Each lies in an ISO week of its own."""
    return world.epoch + dt.timedelta(weeks=week)


def start(use_case: UseCase, setting: Setting, seed: int, settings: WorldSettings = NEWSLETTER) -> Start:
    """Draws the world of a seed and lets its rule fill the weeks of the warm-up.

    Args:
      use_case: that the world plays.
      setting: length and size.
      seed: of the world.
      settings: what the world is made of.

    Raises:
      SettingsError: the world cannot play the use case, or outcomes take longer than a week to be final.
    """
    if use_case.attribution_days > 7:
        raise SettingsError(
            f"use case {use_case.name}: attribution_days: found {use_case.attribution_days}; allowed in the "
            "closed loop: up to 7, because it trains a week after sending"
        )
    size = int(np.ceil(_SPARE_USERS * setting.newsletters))
    if subjects_come(settings) == "once":
        size = setting.newsletters * (setting.warm_up_weeks + setting.weeks)
    world = World.of(use_case, seed, size, use_case.window.anchor, settings)
    digest = hashlib.sha256()
    tables = []
    for week in range(setting.warm_up_weeks):
        day = monday(world, week)
        users = world.recipients(day, setting.newsletters)
        filled = _by_rules(world, users, week)
        table = world.send(day, users, filled.served, filled.propensity, world.rules.version)
        seen = observed(world.reward, table)
        for part in (users, filled.served, seen.clicked.astype(np.int64), seen.unsubscribed.astype(np.int64)):
            digest.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
        for values in seen.outcomes.values():
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        tables.append(table)
    return Start(world, tuple(tables), digest.hexdigest()[:16])


def run(begin: Start, learner: Learner, setting: Setting, on_part: OnPart = lambda _week, _part: None) -> Run:
    """One learner in one world, `setting.weeks` long.

    Args:
      begin: result of `start`, with the same setting.
      learner: a fresh learner.
      setting: length and size.
      on_part: called as each part of a week begins.

    Raises:
      DataError: the learner serves what a user is not eligible for, or a propensity outside (0, 1].
    """
    # All learners begin with the same past, and none meets what another one sent.
    world, window = begin.world.fork(), list(begin.warm_up)
    served_by: Model | None = None
    weeks = []
    for number in range(1, setting.weeks + 1):
        day = monday(world, setting.warm_up_weeks + number - 1)
        window = window[-setting.window_weeks :]
        on_part(number, "learn")
        learnt = learner.learn(window, day)
        served_by = learnt.model or served_by
        seconds = dict(learnt.seconds)

        on_part(number, "rank")
        clock = time.perf_counter()
        users = world.recipients(day, setting.newsletters)
        if served_by is None:
            filled = _by_rules(world, users, setting.warm_up_weeks + number - 1)
        else:
            filled = served_by.first_slots(world.inference(users, day), day)
        seconds["rank"] = time.perf_counter() - clock

        on_part(number, "send")
        clock = time.perf_counter()
        version = world.rules.version if served_by is None else served_by.version
        table = world.send(day, users, filled.served, filled.propensity, version)
        week = _measure(world, number, day, users, filled, table, version)
        if learnt.gating is not None:
            week = _with_truth(world, week, learnt.gating, window)
        seconds["simulate"] = time.perf_counter() - clock
        weeks.append(replace(week, seconds=seconds))
        window.append(table)
    return Run(
        learner=learner.name,
        seed=world.seed,
        setting=setting_of(setting, learner),
        digest=begin.digest,
        weeks=tuple(weeks),
    )


def setting_of(setting: Setting, learner: Learner) -> dict[str, Any]:
    """Everything that the outcome of a run depends on, apart from the seed and the log."""
    return {**vars(setting), "learner": dict(learner.settings)}


def window_rows(
    world: World, window: Sequence[pa.Table], rows: Ints
) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.datetime64]]]:
    """Positions of the users and days of sending [n] of some rows of a window's tables, one after the
    other.
    """
    table = pa.concat_tables(window).select([world.key, "sent_at"]).take(pa.array(rows))
    users = world.positions(table[world.key].to_pylist())
    return users, table["sent_at"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[D]")


def true_difference(world: World, window: Sequence[pa.Table], gating: Gating) -> float:
    """True value of the gate's estimate: mean of sum_a (pi_candidate - pi_other)(a | x) E[r | x, a]."""
    users, days = window_rows(world, window, gating.rows)
    other = gating.production
    if other is None:
        other = world.rules.probabilities(world.audience(users))
    reward = world.expected_reward(users, days)
    return float(((gating.candidate - other) * reward).sum(axis=1).mean())


def _by_rules(world: World, users: Ints, week: int) -> FirstSlots:
    probabilities = world.rules.probabilities(world.audience(users))
    rng = np.random.default_rng([world.seed, _WARM_UP_DRAWS, week])
    served = draw(rng, probabilities)
    return FirstSlots(served, probabilities[np.arange(len(users)), served])


def _measure(
    world: World, number: int, day: dt.date, users: Ints, filled: FirstSlots, table: pa.Table, version: str
) -> Week:
    seen = observed(world.reward, table)
    values = policy_values(world, users, day, filled.served)
    greedy = None
    if filled.greedy is not None:
        truth = world.expected_reward(users, day)
        greedy = float(truth[np.arange(len(users)), filled.greedy].mean())
    return Week(
        week=number,
        day=day.isoformat(),
        served_by=version,
        reward=float(seen.reward.mean()),
        click_rate=float(seen.clicked.mean()),
        unsubscribe_rate=float(seen.unsubscribed.mean()),
        expected_reward=values.served,
        expected_reward_greedy=greedy,
        regret=values.regret,
        suboptimal_share=values.suboptimal_share,
        uniform=values.uniform,
        logging=values.logging,
        best_single=values.best_single,
        best_single_recommender=values.best_single_recommender,
        oracle=values.oracle,
    )


def _with_truth(world: World, week: Week, gating: Gating, window: Sequence[pa.Table]) -> Week:
    truth = true_difference(world, window, gating)
    covered = None
    if gating.low is not None and gating.high is not None:
        covered = gating.low <= truth <= gating.high
    return replace(
        week,
        verdict=gating.verdict,
        compared_with=gating.compared_with,
        difference=gating.difference,
        low=gating.low,
        high=gating.high,
        true_difference=truth,
        covered=covered,
    )
