"""Arrays of one model in the places of another."""

from __future__ import annotations

import numpy as np
import pytest

from components.trainer.warm_start import Names, carry_over


def test_entries_move_with_their_names() -> None:
    new = np.zeros((2, 3))
    old = np.arange(1.0, 7.0).reshape(3, 2)
    # Rows: new (b, x), old (a, b, c). Columns: new (q, r, p), old (p, q).
    moved = carry_over(new, old, [(["b", "x"], ["a", "b", "c"]), (["q", "r", "p"], ["p", "q"])])
    assert moved.tolist() == [[4.0, 0.0, 3.0], [0.0, 0.0, 0.0]]
    assert not new.any()


def test_an_axis_without_names_must_have_the_same_length() -> None:
    assert carry_over(np.zeros(2), np.ones(2), [None]).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="axis 0: found length 3; allowed: 2"):
        carry_over(np.zeros(2), np.ones(3), [None])


def test_columns_of_the_context_vector_are_named_in_its_order() -> None:
    names = Names(("a",), ("age",), {"colour": ("red", "__unseen__")})
    assert names.context == ("age", "age is missing", "colour=red", "colour=__unseen__", "constant")
