"""The tree that imitates a model, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator.why.columns import Column, IntArray, Numbers, Texts
from components.evaluator.why.imitation import imitate
from newsletter_bandit.registry.evidence.explanation import Question, Rule

ROWS = 1000
USERS = np.arange(ROWS, dtype=np.float64)  # the last digits 7 to 9 are held out
# A colour changes every ten rows, so that all users have each.
COLOURS = Texts(np.arange(ROWS) // 10 % 2, ("blue", "red"))
HEIGHTS = np.where(np.arange(ROWS) % 10 == 3, np.nan, 150.0 + (np.arange(ROWS) // 20 % 5) * 10.0)
COLUMNS: dict[str, Column] = {"colour": COLOURS, "height": Numbers(HEIGHTS)}
NAMES = ("a", "b", "c")


def by_hand() -> IntArray:
    """c where the height is missing; of the others a for blue, and b for red users of more than 165."""
    tall = (COLOURS.codes == 1) & (HEIGHTS > 165.0)
    return np.where(np.isnan(HEIGHTS), 2, tall.astype(np.int64))


def test_a_model_of_a_few_questions_is_found_out() -> None:
    first = by_hand()
    tree = imitate(COLUMNS, first, NAMES, USERS, 3)
    assert tree is not None
    assert (tree.fitted, tree.held_out, tree.agreement) == (700, 300, 1.0)
    assert tree.most_frequent == pytest.approx(float(np.mean(first[USERS % 10 >= 7] == 0)))
    leaves = list(_leaves(tree.rule))
    assert sum(leaf.rows for leaf in leaves) == ROWS
    assert {leaf.agreement for leaf in leaves} == {1.0}
    asked = {question for question in _questions(tree.rule) if question.feature == "height"}
    assert Question("height", None) in asked
    # Halfway between the heights that there are, whichever side has those that are missing.
    assert [q.value for q in asked if q.value is not None] == [165.0]
    assert {q.value for q in _questions(tree.rule) if q.feature == "colour"} <= {"blue", "red"}


def test_fidelity_is_counted_on_users_who_did_not_teach() -> None:
    first = by_hand()
    # One in three of the held-out users chooses what no question tells.
    strange = np.flatnonzero(USERS % 10 == 9)
    first[strange] = 2
    tree = imitate({"colour": COLOURS}, first, NAMES, USERS, 1)
    assert tree is not None
    taught = USERS % 10 < 7
    named = [np.argmax(np.bincount(first[taught & (COLOURS.codes == code)])) for code in (0, 1)]
    expected = np.mean(np.array(named)[COLOURS.codes[~taught]] == first[~taught])
    assert tree.agreement == pytest.approx(float(expected))


def test_questions_with_one_answer_and_choices_without_a_question() -> None:
    same = imitate(COLUMNS, np.zeros(ROWS, np.int64), NAMES, USERS, 3)
    assert same is not None
    assert same.rule == Rule(ROWS, "a", 1.0)
    # Chance alone: what is left has a question only if its sides name different recommenders.
    drawn = np.random.default_rng(1).integers(0, 3, ROWS)
    tree = imitate(COLUMNS, drawn, NAMES, USERS, 2)
    assert tree is not None
    for rule in _inner(tree.rule):
        assert rule.yes is not None
        assert rule.no is not None
        assert rule.yes.question or rule.no.question or rule.yes.recommender != rule.no.recommender
    assert tree.agreement is not None
    assert tree.agreement < 0.45


def test_too_few_rows_teach_nothing() -> None:
    few = {"colour": Texts(COLOURS.codes[:100], COLOURS.kinds)}
    assert imitate(few, by_hand()[:100], NAMES, USERS[:100], 3) is None


def test_a_rare_text_is_in_no_question() -> None:
    codes = np.zeros(ROWS, np.int64)
    codes[:9] = 1
    first = codes.copy()
    tree = imitate({"city": Texts(codes, ("most", "one"))}, first, NAMES, USERS, 3)
    assert tree is not None
    assert all(question.value != "one" for question in _questions(tree.rule))


def _leaves(rule: Rule) -> list[Rule]:
    if rule.yes is None or rule.no is None:
        return [rule]
    return _leaves(rule.yes) + _leaves(rule.no)


def _inner(rule: Rule) -> list[Rule]:
    if rule.yes is None or rule.no is None:
        return []
    return [rule, *_inner(rule.yes), *_inner(rule.no)]


def _questions(rule: Rule) -> list[Question]:
    return [one.question for one in _inner(rule) if one.question is not None]
