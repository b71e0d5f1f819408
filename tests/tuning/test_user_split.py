"""Which users are held out to compare hyperparameters on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.words import Words
from pipelines.tuning.split import of_users

USERS = [f"user-{i}".encode() for i in range(4000)]


@given(st.floats(0.05, 0.95), st.integers(0, 2**31))
def test_the_share_of_users_is_held_out(share: float, seed: int) -> None:
    held_out = of_users(USERS, share, seed).mean()
    # Six standard errors: one in 500 million seeds is further away.
    assert abs(held_out - share) < 6 * (share * (1 - share) / len(USERS)) ** 0.5


@given(st.permutations(range(30)), st.integers(0, 9))
def test_all_rows_of_a_user_are_on_one_side_whatever_their_order(order: list[int], seed: int) -> None:
    rows = USERS[:10] * 3
    side = dict(zip(USERS[:100], of_users(USERS[:100], 0.5, seed), strict=True))
    expected = np.array([side[rows[i]] for i in order])
    if expected.all() or not expected.any():
        with pytest.raises(DataError):
            of_users([rows[i] for i in order], 0.5, seed)
    else:
        assert np.array_equal(of_users([rows[i] for i in order], 0.5, seed), expected)


def test_another_seed_holds_out_others() -> None:
    assert not np.array_equal(of_users(USERS, 0.25, 1), of_users(USERS, 0.25, 2))


def test_users_that_cannot_be_split_are_refused() -> None:
    with pytest.raises(DataError, match=r"tuning\.validation_share: 0\.25 of the 1 users"):
        of_users([b"only"] * 5, 0.25, 1)
    with pytest.raises(DataError, match=r"of the 1 sessions in the training split"):
        of_users([b"only"] * 5, 0.25, 1, Words(subject="session"))
