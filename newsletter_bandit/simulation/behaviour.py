"""Policies that fill the simulated newsletters, with the exact probability of every choice.

A policy sees what the shop sees of a user, and never the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.simulation.catalogue import SEGMENTS
from newsletter_bandit.simulation.users import Bools, Floats, Ints, Users


class Seen(Protocol):
    """What the shop sees of n users; each world has a class of its own."""

    @property
    def number(self) -> Ints:
        """Number of each user [n]."""


@dataclass(frozen=True, eq=False)
class Audience:
    """The n users that a policy chooses for, and which of K recommenders each may be sent."""

    recommenders: Sequence[str]  # [K]
    users: Seen  # [n]
    eligible: Bools  # [n, K]


class Policy(Protocol):
    """Chooses one recommender per newsletter."""

    @property
    def version(self) -> str:
        """Value of the column `policy_version` for what the policy sends."""

    def probabilities(self, audience: Audience) -> Floats:
        """pi(a | user) [n, K]: 0 where not eligible, and each row sums to 1."""


class UniformPolicy:
    """Uniform choice among the eligible recommenders: the safest log to learn from."""

    version = "uniform-1"

    def probabilities(self, audience: Audience) -> Floats:
        """See `Policy.probabilities`."""
        return _normalise(audience.eligible)


# What marketing would send each segment, best first. Chosen for clicks, so clickbait is among them.
_FAVOURITES: dict[str, tuple[str, ...]] = {
    "new": ("bestsellers", "top_rated", "clickbait_offers"),
    "occasional": ("bestsellers", "favourite_category", "clickbait_offers"),
    "bargain": ("deals", "clickbait_offers", "bestsellers"),
    "regular": ("recently_viewed", "favourite_brands", "new_arrivals"),
    "loyal": ("favourite_brands", "new_arrivals", "recently_viewed"),
    "lapsed": ("clickbait_offers", "deals", "bestsellers"),
}
_ATTRACTION = (3.5, 2.8, 2.0)  # softmax logits of a segment's favourites; all others have 0
_UNIFORM_SHARE = 0.25  # of the newsletters that are filled without looking at the user


class RulesPolicy:
    """Marketing's rule of the newsletter: a softmax over a segment's favourites, mixed with uniform choices.

    With 12 recommenders, no eligible one has a propensity below `_UNIFORM_SHARE` / 12 = 0.021.
    """

    version = "rules-1"

    def probabilities(self, audience: Audience) -> Floats:
        """See `Policy.probabilities`; raises `SettingsError` for users of another world."""
        if not isinstance(audience.users, Users):
            raise SettingsError(
                f"policy: found {type(audience.users).__name__} of another world than the newsletter's; use "
                "`World.rules`"
            )
        recommenders = list(audience.recommenders)
        logits = np.zeros((len(SEGMENTS), len(recommenders)))
        for row, segment in enumerate(SEGMENTS):
            for name, attraction in zip(_FAVOURITES[segment], _ATTRACTION, strict=True):
                if name in recommenders:
                    logits[row, recommenders.index(name)] = attraction
        return mixed(logits[audience.users.segment], audience.eligible, _UNIFORM_SHARE)


def mixed(logits: Floats, eligible: Bools, uniform_share: float) -> Floats:
    """A softmax of `logits` [n, K] over the eligible, mixed with a uniform choice among them."""
    softmax = _normalise(np.exp(logits) * eligible)
    return (1.0 - uniform_share) * softmax + uniform_share * _normalise(eligible)


def check_probabilities(probabilities: Floats, audience: Audience) -> None:
    """Raises `DataError` unless each row of `probabilities` [n, K] is a distribution over the eligible."""
    eligible = audience.eligible
    if probabilities.shape != eligible.shape:
        raise DataError(f"policy: found probabilities {probabilities.shape}; allowed: {eligible.shape}")
    wrong = ~(np.abs(probabilities.sum(axis=1) - 1.0) <= 1e-6)
    wrong |= (np.where(eligible, -probabilities, np.abs(probabilities)) > 0.0).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"policy: user number {audience.users.number[row]}: found probabilities "
            f"{probabilities[row].tolist()}; allowed: 0 or more, 0 for a recommender that is not eligible, "
            "summing to 1"
        )


def draw(rng: np.random.Generator, probabilities: Floats) -> Ints:
    """One action per row of `probabilities` [n, K]; never one with probability 0."""
    cumulative = np.cumsum(probabilities, axis=1)
    # Scaled by the last sum, which rounding keeps from being exactly 1, a draw stays below it.
    draws = rng.random(len(probabilities)) * cumulative[:, -1]
    return np.asarray((draws[:, None] < cumulative).argmax(axis=1), dtype=np.int64)


def _normalise(weights: Floats | Bools) -> Floats:
    shares: Floats = weights / weights.sum(axis=1, keepdims=True)
    return shares
