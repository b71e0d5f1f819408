"""Typical users of each first choice, and which of their features alone moved it.

The first choices take turns, the most frequent one first. The first user of a choice is the one nearest to
the typical values of all who share it. Each further one is, of the nearer half of these, the one that differs
most from those who were taken before. The distance of two rows is the sum of their features': 1 for another
text, and for a number its distance in units of the middle four fifths of all rows, at most 1.

A feature moved a user's first choice if that is another one with the value that is typical of all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from components.evaluator.why.columns import Column, FloatArray, IntArray
from newsletter_bandit.registry.evidence.explanation import ExampleUser, Moved, Ranked

PLACES = 3  # of a ranking that are shown

# Numbers of rows, a feature and the row whose value of it they get -> their first choices.
FirstWith = Callable[[Sequence[int], str, int], IntArray]


def typical_rows(columns: Mapping[str, Column], first: IntArray, users: FloatArray, most: int) -> list[int]:
    """Numbers of the rows of so many example users at most, no user twice, in the order of their choice.

    Args:
      columns: the features of n rows by name.
      first: [n], the first choices.
      users: [n], hashes of the users.
      most: users to take.
    """
    # One row per user, so that a user with many does not stand for many.
    of_user = np.unique(users, return_index=True)[1]
    choices, counts = np.unique(first[of_user], return_counts=True)
    in_turn = [
        _of_choice(columns, of_user[first[of_user] == choice], most)
        for choice in choices[np.argsort(-counts, kind="stable")]
    ]
    turns = [found[turn] for turn in range(most) for found in in_turn if turn < len(found)]
    return sorted(turns[:most], key=lambda row: (-counts[np.searchsorted(choices, first[row])], first[row]))


def example_users(
    columns: Mapping[str, Column],
    rows: Sequence[int],
    first: IntArray,
    rankings: Sequence[Sequence[Ranked]],
    first_with: FirstWith,
    recommenders: Sequence[str],
) -> tuple[ExampleUser, ...]:
    """The users of some rows.

    Args:
      columns: the features of n rows by name.
      rows: numbers of the users' rows.
      first: [n], the first choices, indices into ``recommenders``.
      rankings: of each user, without exploration.
      first_with: gives the first choices with other values.
      recommenders: their names.
    """
    every = np.arange(len(first))
    moved: list[list[Moved]] = [[] for _ in rows]
    for name, column in columns.items():
        donor = column.typical(every)
        others = [place for place, row in enumerate(rows) if column.differs(row, donor)]
        if not others:
            continue
        instead = first_with([rows[place] for place in others], name, donor)
        for place, choice in zip(others, instead.tolist(), strict=True):
            if choice != first[rows[place]] and choice >= 0:
                moved[place].append(Moved(name, column.shown(donor), recommenders[choice]))
    return tuple(
        ExampleUser(
            {name: column.shown(row) for name, column in columns.items()},
            tuple(ranking[:PLACES]),
            tuple(of_user),
        )
        for row, ranking, of_user in zip(rows, rankings, moved, strict=True)
    )


def _of_choice(columns: Mapping[str, Column], rows: IntArray, most: int) -> list[int]:
    """So many of the rows at most, all of one first choice, as the module says."""
    away: FloatArray = np.zeros(len(rows))
    for column in columns.values():
        away += column.distances(rows, column.typical(rows))
    in_order = rows[np.argsort(away, kind="stable")]
    near = in_order[: -(-len(rows) // 2)]
    taken = [int(near[0])]
    # Distance of each row to the nearest that was taken.
    apart = _distances(columns, near, taken[0])
    while len(taken) < most and apart.max() > 0.0:
        taken.append(int(near[np.argmax(apart)]))
        apart = np.minimum(apart, _distances(columns, near, taken[-1]))
    return taken


def _distances(columns: Mapping[str, Column], rows: IntArray, row: int) -> FloatArray:
    found: FloatArray = np.zeros(len(rows))
    for column in columns.values():
        found += column.distances(rows, row)
    return found
