"""`explanation.json`: why a candidate chooses as it does.

    {"format": 1, "rows": 8000, "permutations": 2, "confidence": 0.95,
     "features": [{"feature": "segment", "loss": {"value": ..., "low": ...}, "changed": 0.4}, ...],
     "the_same_everywhere": ["has_app"],
     "tree": {"fitted": ..., "held_out": ..., "agreement": ..., "most_frequent": ..., "rule": {...}} or null,
     "users": [{"features": {"segment": "premium"}, "ranking": [{"recommender": ..., "score": ...}],
                "moved": [{"feature": ..., "typical": ..., "instead": ...}]}]}

Values are in units of reward per newsletter. It says nothing by which a user could be found: no identifiers,
numbers rounded, and no rare values (`components/evaluator/why/`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.metrics import Estimate, Figure
from newsletter_bandit.registry.evidence.record import Record

_DEEPEST = 10  # levels of rules; a file that is damaged must not nest without end


@dataclass(frozen=True)
class Importance:
    """What a feature is worth to the candidate.

    Attributes:
      feature: its name.
      loss: value of the serving policy, less its value where each row has another row's value of the feature;
        paired, doubly robust.
      changed: share of the rows whose first choice is another one then, in [0, 1].
    """

    feature: str
    loss: Estimate
    changed: Figure


@dataclass(frozen=True)
class Question:
    """A question on a feature, with yes or no as its answer.

    Attributes:
      feature: its name.
      value: a text asks if the feature is that, "yes" and "no" for a bool; a number, if it is at most that;
        None, if it is missing.
      missing: to a question with a number, the answer where the feature is missing; None where no row lacks
        it, and for other questions.
    """

    feature: str
    value: str | float | None
    missing: bool | None = None


@dataclass(frozen=True)
class Rule:
    """A node of a tree.

    Attributes:
      rows: those that come here.
      recommender: the most frequent first choice of those that the tree learned from.
      agreement: share of them that have it, in [0, 1].
      question: divides them; None at a leaf, as are the next two.
      yes, no: the rules for each answer.
    """

    rows: int
    recommender: str
    agreement: Figure
    question: Question | None = None
    yes: Rule | None = None
    no: Rule | None = None

    @classmethod
    def of(cls, fields: Fields, deepest: int = _DEEPEST) -> Rule:
        """The rule that an object of the file holds, with those below it."""
        if not deepest:
            raise DataError(f"{fields.source}: rules within rules; allowed: at most {_DEEPEST} levels")
        question = fields.optional("question", lambda name: _question(fields.object(name)))
        yes = no = None
        if question is not None:
            yes, no = (cls.of(fields.object(name), deepest - 1) for name in ("yes", "no"))
        rows, recommender = fields.whole("rows"), fields.text("recommender")
        return cls(rows, recommender, fields.figure("agreement"), question, yes, no)


@dataclass(frozen=True)
class Tree:
    """A shallow decision tree that imitates the candidate's first choices.

    Attributes:
      fitted: rows that it learned from.
      held_out: rows of other users, by which it is measured.
      agreement: share of these for which it names the candidate's first choice.
      most_frequent: the same if it always named the most frequent first choice.
      rule: its root; the rows of all rules are those of both parts.
    """

    fitted: int
    held_out: int
    agreement: Figure
    most_frequent: Figure
    rule: Rule


@dataclass(frozen=True)
class Ranked:
    """A recommender in a ranking, with its estimate in units of reward per newsletter."""

    recommender: str
    score: float


@dataclass(frozen=True)
class Moved:
    """A feature that alone changes a user's first choice.

    Attributes:
      feature: its name.
      typical: the value that was put in place of the user's own; None for a missing one.
      instead: the first choice then.
    """

    feature: str
    typical: str | None
    instead: str


@dataclass(frozen=True)
class ExampleUser:
    """A typical user of those who share a first choice.

    Attributes:
      features: rounded values by name, as texts; None for a missing one.
      ranking: the first places without exploration, the best first.
      moved: the features that alone change the first choice.
    """

    features: Mapping[str, str | None]
    ranking: tuple[Ranked, ...]
    moved: tuple[Moved, ...]


@dataclass(frozen=True)
class Explanation(Record):
    """Why a candidate chooses as it does.

    Attributes:
      rows: evaluated rows that all of it rests on.
      permutations: how often each feature was scrambled.
      confidence: of the two-sided intervals.
      features: what each feature is worth, in the settings' order.
      the_same_everywhere: features that have one value, or none, in all those rows, so that nothing can be
        scrambled.
      tree: the tree; None where the rows were too few for one.
      users: example users.
    """

    FILE = "explanation.json"

    rows: int
    permutations: int
    confidence: float
    features: tuple[Importance, ...]
    the_same_everywhere: tuple[str, ...]
    tree: Tree | None
    users: tuple[ExampleUser, ...]

    @classmethod
    def of(cls, fields: Fields) -> Explanation:
        """The explanation that a file's fields hold."""
        return cls(
            rows=fields.whole("rows"),
            permutations=fields.whole("permutations"),
            confidence=fields.number("confidence"),
            features=tuple(
                Importance(one.text("feature"), Estimate.of(one.object("loss")), one.figure("changed"))
                for one in fields.objects("features")
            ),
            the_same_everywhere=fields.texts("the_same_everywhere"),
            tree=fields.optional("tree", lambda name: _tree(fields.object(name))),
            users=tuple(_user(one) for one in fields.objects("users")),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        found: dict[str, Any] = dataclasses.asdict(self)
        return found


def _question(fields: Fields) -> Question:
    is_text = isinstance(fields.content.get("value"), str)
    value = fields.text("value") if is_text else fields.figure("value")
    return Question(fields.text("feature"), value, fields.optional("missing", fields.flag))


def _tree(fields: Fields) -> Tree:
    return Tree(
        fields.whole("fitted"),
        fields.whole("held_out"),
        fields.figure("agreement"),
        fields.figure("most_frequent"),
        Rule.of(fields.object("rule")),
    )


def _user(fields: Fields) -> ExampleUser:
    features = fields.object("features")
    return ExampleUser(
        {name: features.optional(name, features.text) for name in features.content},
        tuple(Ranked(one.text("recommender"), one.number("score")) for one in fields.objects("ranking")),
        tuple(
            Moved(one.text("feature"), one.optional("typical", one.text), one.text("instead"))
            for one in fields.objects("moved")
        ),
    )
