"""A shallow decision tree that imitates the candidate's first choices, and how well it does.

scikit-learn grows it from the raw features; its thresholds are then rounded, and a question that leads to one
and the same answer is left out. What is measured is the tree that is shown. Seven of ten users teach it, the
others measure it.

See "Classification and Regression Trees" by Breiman, Friedman, Olshen and Stone (1984).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evaluator.why.columns import BoolArray, Column, FloatArray, IntArray, Numbers, Texts
from newsletter_bandit.registry.evidence.explanation import Question, Rule, Tree

LEAST = 100  # rows to learn from; with fewer, a tree is an accident
_OF_TEN = 7  # users who teach it
_KINDS = 20  # texts of a feature that a question can name: the most frequent
_SMALLEST_LEAF, _SMALLEST_SHARE = 20, 0.01
_DIGITS = 3  # of a threshold


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question that the tree may ask, as a column of its matrix: numbers, or 1 for yes and 0 for no."""

    column: Column
    question: Question
    values: FloatArray

    def answers(self, question: Question) -> BoolArray:
        """Which rows answer it with yes; a question with a number may have another one than its own."""
        if isinstance(self.column, Numbers):
            if question.value is None:
                return self.column.missing
            assert isinstance(question.value, float)
            found: BoolArray = self.column.values <= question.value
            return found | self.column.missing if question.missing else found
        return self.values > 0.0


@dataclass(frozen=True, eq=False)
class _Node:
    asked: _Asked
    question: Question
    yes: _Node | None
    no: _Node | None


def imitate(
    columns: Mapping[str, Column],
    first: IntArray,
    recommenders: Sequence[str],
    users: FloatArray,
    depth: int,
) -> Tree | None:
    """The tree; None where fewer than `LEAST` rows can teach it, or none is left to measure it.

    Args:
      columns: the features of n rows by name.
      first: [n], the first choices, indices into ``recommenders``.
      recommenders: their names.
      users: [n], hashes of the users, whole numbers.
      depth: most questions in a row.
    """
    from sklearn.tree import DecisionTreeClassifier

    teaches = users % 10.0 < _OF_TEN
    fitted, held_out = np.flatnonzero(teaches), np.flatnonzero(~teaches)
    if len(fitted) < LEAST or not len(held_out):
        return None
    asked = list(_questions(columns))
    root = None
    if asked:
        leaf = max(_SMALLEST_LEAF, math.ceil(_SMALLEST_SHARE * len(fitted)))
        grown = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=0)
        matrix = np.stack([one.values[fitted] for one in asked], axis=1)
        root = _node(grown.fit(matrix, first[fitted]).tree_, 0, asked)
    every = np.arange(len(first))
    learned = _Learned(first, teaches, recommenders)
    rule, named = learned.rule(root, every)
    most = int(np.argmax(np.bincount(first[fitted])))
    return Tree(
        fitted=len(fitted),
        held_out=len(held_out),
        agreement=float(np.mean(named[held_out] == first[held_out])),
        most_frequent=float(np.mean(first[held_out] == most)),
        rule=rule,
    )


class _Learned:
    """First choices, by which the rules of a tree are filled in."""

    def __init__(self, first: IntArray, teaches: BoolArray, recommenders: Sequence[str]) -> None:
        self._first, self._teaches, self._recommenders = first, teaches, recommenders

    def rule(self, node: _Node | None, rows: IntArray) -> tuple[Rule, IntArray]:
        """A rule for some rows, and what it names for each row, [n]; only theirs are meant."""
        learned = self._first[rows[self._teaches[rows]]]
        most = int(np.argmax(np.bincount(learned)))
        agreement = float(np.mean(self._first[rows] == most))
        named = np.full(len(self._first), most)
        here = Rule(len(rows), self._recommenders[most], agreement)
        if node is None:
            return here, named
        answer = node.asked.answers(node.question)[rows]
        sides = rows[answer], rows[~answer]
        if not all(self._teaches[side].any() for side in sides):
            return here, named  # rounding took them all to one side
        (yes, named_yes), (no, named_no) = (
            self.rule(below, side) for below, side in zip((node.yes, node.no), sides, strict=True)
        )
        if yes.question is None and no.question is None and yes.recommender == no.recommender:
            return here, named
        named[sides[0]], named[sides[1]] = named_yes[sides[0]], named_no[sides[1]]
        return Rule(here.rows, here.recommender, here.agreement, node.question, yes, no), named


def _questions(columns: Mapping[str, Column]) -> Iterator[_Asked]:
    for name, column in columns.items():
        if column.constant:
            continue
        if isinstance(column, Numbers):
            yield _Asked(column, Question(name, 0.0), column.values)
        elif isinstance(column, Texts):
            for code in np.argsort(-column.counts, kind="stable")[:_KINDS]:
                shown = column.shown(int(np.argmax(column.codes == code)))
                if shown == column.kinds[code]:
                    yield _Asked(column, Question(name, shown), (column.codes == code).astype(np.float64))
        if column.missing.any():
            yield _Asked(column, Question(name, None), column.missing.astype(np.float64))


def _node(tree: Any, index: int, asked: Sequence[_Asked]) -> _Node | None:
    """A node of scikit-learn's tree, whose left side holds what is at most the threshold."""
    left, right = int(tree.children_left[index]), int(tree.children_right[index])
    if left == right:
        return None
    one = asked[int(tree.feature[index])]
    below, above = _node(tree, left, asked), _node(tree, right, asked)
    if not isinstance(one.column, Numbers) or one.question.value is None:
        return _Node(one, one.question, above, below)
    threshold = float(f"{float(tree.threshold[index]):.{_DIGITS}g}")
    if not math.isfinite(threshold):  # all that there is on one side, what is missing on the other
        return _Node(one, Question(one.question.feature, None), above, below)
    missing = bool(tree.missing_go_to_left[index]) if one.column.missing.any() else None
    return _Node(one, Question(one.question.feature, threshold, missing), below, above)
