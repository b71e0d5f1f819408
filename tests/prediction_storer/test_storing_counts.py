from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.prediction_storer.counts import Counts
from newsletter_bandit.errors import DataError

counts = st.builds(
    Counts,
    stored=st.integers(0, 1000),
    rejected=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 1000)),
    first_expiry=st.none() | st.sampled_from(["2026-03-05T00:00:00+00:00", "2026-03-10T00:00:00+00:00"]),
)


@given(counts, counts, counts)
def test_merging(first: Counts, second: Counts, third: Counts) -> None:
    assert (first + second) + third == first + (second + third)
    assert first + second == second + first
    assert Counts.total([first, second]).read == first.read + second.read
    expiries = [part.first_expiry for part in (first, second) if part.first_expiry is not None]
    assert (first + second).first_expiry == (min(expiries) if expiries else None)


@given(counts)
def test_json(some: Counts) -> None:
    assert Counts.from_json(some.to_json()) == some


@pytest.mark.parametrize(
    ("stored", "rejected", "share", "allowed"),
    [
        (99, 1, 0.01, True),
        (98, 2, 0.01, False),
        (100, 0, 0.0, True),
        (999, 1, 0.0, False),
        (1, 0, 0.0, True),
        (0, 0, 1.0, False),
        (0, 1, 1.0, False),
    ],
)
def test_bound(stored: int, rejected: int, share: float, allowed: bool) -> None:
    total = Counts(stored, {"missing_user_id": rejected} if rejected else {})
    assert (total.refusal(share) is None) == allowed
    if allowed:
        total.check(share)
    else:
        with pytest.raises(DataError):
            total.check(share)


def test_the_refusal_names_reasons_and_bound() -> None:
    with pytest.raises(DataError, match=r"3 of 10 rows cannot be stored \(a 1, b 2\).*0\.1 \(storing\.max"):
        Counts(7, {"a": 1, "b": 2}).check(0.1)


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="found no rows"):
        Counts().check(1.0)
