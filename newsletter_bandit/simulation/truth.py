"""Scores policies against the truth: the value of a policy is the mean true expected reward of what it
serves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from newsletter_bandit.errors import DataError
from newsletter_bandit.simulation.behaviour import Policy, UniformPolicy, check_probabilities
from newsletter_bandit.simulation.users import Floats, Ints
from newsletter_bandit.simulation.world import World


@dataclass(frozen=True)
class PolicyValues:
    """True values for the same users on the same day: mean expected reward of one newsletter."""

    users: int
    served: float
    logging: float
    uniform: float
    best_single: float
    best_single_recommender: str
    oracle: float
    regret: float  # oracle - served
    suboptimal_share: float  # share of users served something worse than their best eligible recommender


def policy_values(
    world: World, users: Ints, day: dt.date, served: Ints, logging: Policy | None = None
) -> PolicyValues:
    """Compares what was served with the policies that need no learning and with the best possible one.

    Args:
      world: the truth.
      users: positions [n], at least one.
      day: day of sending.
      served: column [n] of the recommender in each user's first slot; see `first_slots`.
      logging: the behaviour policy; by default the world's rule.

    Raises:
      DataError: no users, a day before the epoch, or a user is not eligible for what was served.
    """
    _need_users(users)
    world.check_served(users, served)
    reward = _eligible_rewards(world, users, day)
    got, best = reward[np.arange(len(users)), served], reward.max(axis=1)
    name, single = best_single(world, users, day)
    return PolicyValues(
        users=len(users),
        served=float(got.mean()),
        logging=policy_value(world, users, day, logging or world.rules),
        uniform=policy_value(world, users, day, UniformPolicy()),
        best_single=single,
        best_single_recommender=name,
        oracle=float(best.mean()),
        regret=float((best - got).mean()),
        suboptimal_share=float((got < best).mean()),
    )


def policy_value(world: World, users: Ints, day: dt.date, policy: Policy) -> float:
    """True value of a stochastic policy."""
    return matrix_value(world, users, day, policy.probabilities(world.audience(users)))


def matrix_value(world: World, users: Ints, day: dt.date, probabilities: Floats) -> float:
    """True value of first-slot probabilities [n, K].

    Raises:
      DataError: no users, or a row is not a distribution over the user's eligible recommenders.
    """
    _need_users(users)
    check_probabilities(probabilities, world.audience(users))
    return float((probabilities * world.expected_reward(users, day)).sum(axis=1).mean())


def best_single(world: World, users: Ints, day: dt.date) -> tuple[str, float]:
    """The best recommender to send to everyone, and its value.

    Recommenders are ordered by their mean reward over the users eligible for them. A user who is not eligible
    for the best one receives the first in that order for which they are: a fixed ranking, as a sender would
    use.
    """
    _need_users(users)
    reward = _eligible_rewards(world, users, day)
    fits = np.isfinite(reward)
    totals = np.where(fits, reward, 0.0).sum(axis=0)
    mean = np.where(fits.any(axis=0), totals / np.maximum(fits.sum(axis=0), 1), -np.inf)
    order = np.argsort(-mean, kind="stable")
    fallback = order[fits[:, order].argmax(axis=1)]
    rows = np.arange(len(users))
    values = np.where(fits, reward, reward[rows, fallback][:, None]).mean(axis=0)
    column = int(values.argmax())
    return world.recommenders[column], float(values[column])


def first_slots(
    world: World,
    users: Ints,
    rankings: Mapping[str, str | Sequence[str]],
    default: Sequence[str] | None = None,
) -> Ints:
    """Column of what each user is served [n], from rankings or first recommenders by user id.

    A user without a ranking gets the first of `default` for which they are eligible.

    Raises:
      DataError: an empty ranking, a recommender that is not of this world, or no ranking and no usable
        default.
    """
    column = {name: number for number, name in enumerate(world.recommenders)}
    eligible = world.eligible(users)
    served = np.empty(len(users), dtype=np.int64)
    for row, user_id in enumerate(world.user_ids(users)):
        ranking = rankings.get(user_id)
        if ranking is None:
            names = [name for name in default or () if name in column and eligible[row, column[name]]]
        else:
            names = [ranking] if isinstance(ranking, str) else list(ranking)
        if not names:
            raise DataError(f"rankings: {user_id}: no recommender; allowed: one or more, or a usable default")
        if names[0] not in column:
            raise DataError(
                f"rankings: {user_id}: found {names[0]!r}; allowed: one of {list(world.recommenders)}"
            )
        served[row] = column[names[0]]
    return served


def _eligible_rewards(world: World, users: Ints, day: dt.date) -> Floats:
    """Expected rewards [n, K], minus infinity where not eligible."""
    return np.where(world.eligible(users), world.expected_reward(users, day), -np.inf)


def _need_users(users: Ints) -> None:
    if len(users) == 0:
        raise DataError("truth: found no users; allowed: one or more")
