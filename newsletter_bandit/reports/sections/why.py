"""Why does it choose so? What each feature is worth, a tree that imitates the model, and example users."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.registry.evidence.explanation import ExampleUser, Explanation, Question, Rule, Tree
from newsletter_bandit.registry.evidence.metrics import Figure
from newsletter_bandit.reports.amounts import Amount, plain, scaled, share, whole
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.sections.correction import bonferroni

MISSING = "missing"


@dataclass(frozen=True)
class Worth:
    """What a feature is worth.

    Attributes:
      loss: net clicks lost per 100,000 newsletters without it, at all features' confidence.
      changed: share of the newsletters whose first choice is another one then.
    """

    feature: str
    loss: Amount
    changed: Figure

    @property
    def words(self) -> str:
        """Whether it helps the model, as far as the log can tell."""
        if self.loss.is_nothing:
            return "no difference" if self.changed else "not used"
        if self.loss.surely_more:
            return "helps"
        return "hurts" if self.loss.surely_less else "cannot tell"


@dataclass(frozen=True)
class Branch:
    """A rule of the tree with the condition that leads to it, "" for the root; without ``below``, a leaf."""

    condition: str
    rows: int
    recommender: str
    agreement: str
    below: tuple[Branch, ...]


@dataclass(frozen=True)
class Imitation:
    """The tree in words.

    Attributes:
      agreement, most_frequent: in percent, of ``held_out`` newsletters.
      doubt: why it is not to be believed; "" where it is.
    """

    fitted: int
    held_out: int
    agreement: str
    most_frequent: str
    doubt: str
    root: Branch


@dataclass(frozen=True)
class Moving:
    """A feature that alone changes a user's first choice, with the user's own value and the typical one."""

    feature: str
    own: str
    typical: str
    instead: str


@dataclass(frozen=True)
class User:
    """An example user; scores are the model's estimates, in net clicks per 100,000 newsletters."""

    ranking: tuple[tuple[str, str], ...]
    moved: tuple[Moving, ...]
    features: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Why:
    """The section: figures of ``rows`` newsletters.

    Attributes:
      worth: every feature that could be scrambled, the dearest first.
      the_same: names of the others, as a list; "" for none.
      of_recommenders: names of what the model knows of recommenders, as a list; "" where it uses nothing.
      tree: None where the newsletters were too few for one.
    """

    rows: int
    permutations: int
    worth: tuple[Worth, ...]
    the_same: str
    of_recommenders: str
    tree: Imitation | None
    users: tuple[User, ...]


def why(evidence: Evidence) -> Why | None:
    """The section; None where the evidence has none."""
    found = evidence.explanation
    if found is None or not found.rows:
        return None
    return Why(
        rows=found.rows,
        permutations=found.permutations,
        worth=_worth(found, evidence.use_case.reward.unit),
        the_same=", ".join(found.the_same_everywhere),
        of_recommenders=", ".join(_of_recommenders(evidence)),
        tree=None if found.tree is None else _imitation(found.tree, evidence),
        users=tuple(_user(user, evidence) for user in found.users),
    )


def _worth(found: Explanation, unit: float) -> tuple[Worth, ...]:
    factor = bonferroni(found.confidence, len(found.features))
    rows = [
        Worth(one.feature, Amount.of(one.loss, unit).wider(factor), one.changed) for one in found.features
    ]
    return tuple(sorted(rows, key=lambda row: (-(row.loss.value or 0.0), -(row.changed or 0.0))))


def _of_recommenders(evidence: Evidence) -> list[str]:
    """What the agent looks at that is the same for every user."""
    use_case = evidence.use_case
    if use_case.agent.type != "recommender_features":
        return []
    return list(use_case.recommender_features[use_case.recommenders[0]])


def _imitation(tree: Tree, evidence: Evidence) -> Imitation:
    least, agreement, most = evidence.use_case.explanation.min_agreement, tree.agreement, tree.most_frequent
    doubt = ""
    if agreement is None or agreement < least:
        doubt = (
            f"The model's choices are finer than so few questions; {share(least, 0)} would have to agree "
            "(explanation.min_agreement)."
        )
    elif tree.rule.question is not None and most is not None and agreement <= most:
        doubt = "Its questions do no better than naming one and the same recommender."
    return Imitation(
        tree.fitted, tree.held_out, share(agreement), share(most), doubt, _branch(tree.rule, "", evidence)
    )


def _branch(rule: Rule, condition: str, evidence: Evidence) -> Branch:
    below: tuple[Branch, ...] = ()
    if rule.question is not None and rule.yes is not None and rule.no is not None:
        yes, no = _conditions(rule.question, evidence)
        below = (_branch(rule.yes, yes, evidence), _branch(rule.no, no, evidence))
    return Branch(condition, rule.rows, rule.recommender, share(rule.agreement, 0), below)


def _conditions(question: Question, evidence: Evidence) -> tuple[str, str]:
    """What holds where the answer is yes, and where it is no."""
    name, value = question.feature, question.value
    if value is None:
        return f"{name} is {MISSING}", f"{name} is there"
    if isinstance(value, str):
        return f"{name} is {value}", f"{name} is not {value}"
    unit = " days before" if _is_date(name, evidence) else ""
    also = f", or {MISSING}"
    return (
        f"{name} is at most {plain(value)}{unit}{also if question.missing else ''}",
        f"{name} is more than {plain(value)}{unit}{also if question.missing is False else ''}",
    )


def _user(user: ExampleUser, evidence: Evidence) -> User:
    unit = evidence.use_case.reward.unit

    def shown(name: str, value: str | None) -> str:
        return MISSING if value is None else f"{value} days before" if _is_date(name, evidence) else value

    return User(
        tuple((one.recommender, whole(scaled(one.score, unit))) for one in user.ranking),
        tuple(
            Moving(
                one.feature,
                shown(one.feature, user.features.get(one.feature)),
                shown(one.feature, one.typical),
                one.instead,
            )
            for one in user.moved
        ),
        tuple((name, shown(name, value)) for name, value in user.features.items()),
    )


def _is_date(name: str, evidence: Evidence) -> bool:
    feature = evidence.use_case.features.get(name)
    return feature is not None and feature.type == "date"
