"""Constraints on the policy: bounds that the rankings hold, beside the reward that they maximise.

    constraints:
      - {term: unsubscribed, at_most: 1.5, of: logging_policy}
      - {term: basket_returns_chf, at_most: 0.8}
      - {recommender: deals, share_at_most: 0.4}
      - {recommender: new_arrivals, share_at_least: 0.02}

docs/constraints.md tells how they are held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from newsletter_bandit.settings.base import Identifier, Probability, Settings
from newsletter_bandit.settings.names import RecommenderName
from newsletter_bandit.settings.reward import Bounds, Reward
from newsletter_bandit.settings.tables import CLICKED, UNSUBSCRIBED

Relation = Literal["<=", ">="]
_Share = Annotated[float, Field(gt=0.0, le=1.0)]


class TermLimit(Settings):
    """Largest mean of an outcome per newsletter.

    Attributes:
      term: `clicked`, `unsubscribed`, or another outcome of the reward.
      at_most: largest mean within the term's clip and before its weight; of `clicked` and `unsubscribed` the
        mean is a rate. With `of` it is a multiple.
      of: "logging_policy" for a multiple of the mean that the log has; null for a mean itself.
    """

    term: Identifier
    at_most: float = Field(ge=-1e6, le=1e6)
    of: Literal["logging_policy"] | None = None

    @property
    def limit(self) -> Limit:
        """The bound."""
        return Limit("term", self.term, "<=", self.at_most, self.of is not None)


class ShareLimit(Settings):
    """Bounds of the share of newsletters in which a recommender stands first.

    Attributes:
      recommender: one that is offered.
      share_at_least, share_at_most: in (0, 1]; one of the two, or both.
    """

    recommender: RecommenderName
    share_at_least: _Share | None = None
    share_at_most: _Share | None = None

    @property
    def limits(self) -> Iterator[Limit]:
        """One or two bounds."""
        if self.share_at_least is not None:
            yield Limit("share", self.recommender, ">=", self.share_at_least)
        if self.share_at_most is not None:
            yield Limit("share", self.recommender, "<=", self.share_at_most)


Constraint = TermLimit | ShareLimit


@dataclass(frozen=True)
class Limit:
    """One bound.

    Attributes:
      kind: of the mean of an outcome, or of a recommender's share of the first places.
      of: name of the outcome or recommender.
      relation: "<=" or ">=".
      bound: the bound.
      relative: it is a multiple of the mean that the log has.
    """

    kind: Literal["term", "share"]
    of: str
    relation: Relation
    bound: float
    relative: bool = False

    @property
    def name(self) -> str:
        """The bound in words, such as "unsubscribed at most 1.5 times the log"."""
        side = "at most" if self.relation == "<=" else "at least"
        if self.kind == "share":
            return f"share of {self.of} {side} {100.0 * self.bound:g}%"
        return f"{self.of} {side} {self.bound:g}{' times the log' if self.relative else ''}"


class ConstraintSearch(Settings):
    """How the multipliers are found that hold the constraints; without constraints nothing of it happens.

    Attributes:
      held_out_share: share of the training split's users that nothing learns from, and on whose newsletters
        the multipliers are found.
      max_rows: largest number of newsletters for it; of more, a smaller share is held out.
      rounds: most passes over all multipliers.
      points: multipliers at which the value is shown beside what a constraint bounds.
      share_tolerance: how far a share may lie beyond its bound at the gate, which judges other newsletters.
    """

    held_out_share: float = Field(default=0.25, gt=0.0, lt=1.0)
    max_rows: int = Field(default=200_000, ge=100)
    rounds: int = Field(default=6, ge=1, le=100)
    points: int = Field(default=6, ge=2, le=50)
    share_tolerance: Probability = 0.005


def limits(constraints: Sequence[Constraint]) -> tuple[Limit, ...]:
    """The bounds of all constraints, in their order."""
    return tuple(
        limit for one in constraints for limit in ([one.limit] if isinstance(one, TermLimit) else one.limits)
    )


def clip_of(term: str, reward: Reward) -> Bounds | None:
    """Smallest and largest value of an outcome; None where the reward gives it no clip."""
    return (0.0, 1.0) if term in (CLICKED, UNSUBSCRIBED) else reward.outcomes[term].clip


def fault(
    constraints: Sequence[Constraint], recommenders: Sequence[str], offered: Sequence[str], reward: Reward
) -> str:
    """What contradicts the use case or another constraint, in words; "" where nothing does."""
    terms = [one.term for one in constraints if isinstance(one, TermLimit)]
    shares = [one for one in constraints if isinstance(one, ShareLimit)]
    named = [one.recommender for one in shares]
    for names in (terms, named):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            return f"{', '.join(twice)} named twice; allowed: one constraint for each, with all its bounds"
    for term in terms:
        if words := _term_fault(term, constraints, reward):
            return words
    for one in shares:
        if words := _share_fault(one):
            return words
    unknown = [name for name in named if name not in recommenders]
    if unknown:
        return f"recommender {unknown}; allowed: some of {list(recommenders)}"
    retired = [one.recommender for one in shares if one.share_at_least and one.recommender not in offered]
    if retired:
        return f"share_at_least of {retired}, which are retired; allowed: {list(offered)}"
    least = sum(one.share_at_least or 0.0 for one in shares)
    if least > 1.0 + 1e-9:
        return f"share_at_least: found {least:g} in all; allowed: 1 at most"
    most = {one.recommender: one.share_at_most for one in shares if one.share_at_most is not None}
    if set(offered) <= set(most) and sum(most[name] for name in offered) < 1.0 - 1e-9:
        return (
            f"share_at_most: found {sum(most[name] for name in offered):g} for all recommenders together; "
            "allowed: 1 or more, or one of them without"
        )
    return ""


def _share_fault(one: ShareLimit) -> str:
    low, high = one.share_at_least, one.share_at_most
    if low is None and high is None:
        return f"{one.recommender}: found no bound; allowed: share_at_least, share_at_most, or both"
    if low is not None and high is not None and low > high:
        return (
            f"{one.recommender}: found share_at_least {low:g}, share_at_most {high:g}; allowed: the first "
            "not above the second"
        )
    return ""


def _term_fault(term: str, constraints: Sequence[Constraint], reward: Reward) -> str:
    known = tuple(dict.fromkeys((CLICKED, UNSUBSCRIBED, *reward.outcomes)))
    if term not in known:
        return f"term {term!r}; allowed: {', '.join(known)}"
    clip = clip_of(term, reward)
    if clip is None:
        return (
            f"term {term}: its values have no bounds, so no bound of their mean holds; set "
            f"reward.terms.{term}.clip to the smallest and largest value that shall count"
        )
    limit = next(one for one in constraints if isinstance(one, TermLimit) and one.term == term)
    if limit.of is not None and not 0.0 < limit.at_most <= 1000.0:
        return (
            f"term {term}: found at_most {limit.at_most:g} of {limit.of}; allowed: a multiple above 0, at "
            "most 1000"
        )
    if limit.of is not None and clip[0] < 0.0:
        return (
            f"term {term}: found a multiple of {limit.of} of values down to {clip[0]:g}; allowed: an at_most "
            "without `of`, because a multiple of a negative mean bounds nothing"
        )
    if limit.of is None and not clip[0] <= limit.at_most <= clip[1]:
        return f"term {term}: found at_most {limit.at_most:g}; allowed: {clip[0]:g} to {clip[1]:g}"
    return ""
