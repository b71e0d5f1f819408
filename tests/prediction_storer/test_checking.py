"""Whole batches are checked as each row is."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.prediction_storer.checking import CHECKED, Checker
from components.prediction_storer.post_process import Rejection, Row, post_process
from serving.ranking import Ranking
from tests.prediction_storer.prediction_rows import EXPIRES_AT, RECOMMENDERS, STAMP, batch, row

BOUNDS = (-1.5, 1.25)
CHECKER = Checker(RECOMMENDERS, STAMP, BOUNDS)

names = st.sampled_from([b"deals", b"refill", b"top_rated", b"", b"", b"spam", b"\xff"])
figures = st.sampled_from([0.5, 0.25, 1.0, 0.0, -1.0, 1.5, -3e35, math.nan, math.inf])
slots = st.lists(st.tuples(names, figures, figures), max_size=4)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Mostly good rows, with one or two faults of every kind."""
    # As float32 holds it.
    changes: dict[str, Any] = {"propensities": [0.875, 1.0, 0.0]}
    for fault in draw(
        st.lists(st.sampled_from(["slots", "user", "campaign", "flag", "days", "length"]), max_size=2)
    ):
        if fault == "slots":
            drawn = draw(slots)
            for place, name in enumerate(("recommenders", "scores", "propensities")):
                changes[name] = [slot[place] for slot in drawn]
        elif fault == "user":
            users = [None, b"", b"\xff", b"x" * 1500, b"x" * 1501, b"__reserved__", b"__open", "ü".encode()]
            changes["user_id"] = [draw(st.sampled_from(users))]
        elif fault == "campaign":
            changes["campaign"] = draw(st.sampled_from([None, [b""], [b"\xff"], ["März".encode()]]))
        elif fault == "flag":
            changes["explored"] = draw(st.sampled_from([None, [0], [2], [-1]]))
        elif fault == "days":
            changes["expires_after_days"] = draw(st.sampled_from([None, [0], [1], [365], [366]]))
        else:
            changes["scores"] = draw(st.sampled_from([None, [], [0.5]]))
    made = row(**changes)
    return {name: values for name, values in made.items() if values != [None]}


@settings(max_examples=300)
@given(st.lists(rows(), max_size=6))
def test_a_batch_is_checked_as_its_rows_are(drawn: list[Row]) -> None:
    one_by_one = [post_process(each, RECOMMENDERS, STAMP, BOUNDS) for each in drawn]
    checked, rejections = CHECKER.check(batch(drawn))
    assert checked.schema == CHECKED
    expected = [result for result in one_by_one if isinstance(result, Ranking)]
    assert sorted(CHECKER.rankings(checked), key=repr) == sorted(expected, key=repr)
    refused = sorted(result.reason for result in one_by_one if isinstance(result, Rejection))
    assert sorted(rejection.reason for rejection in rejections) == refused


def test_good_rows_keep_their_order_and_every_bit() -> None:
    drawn = [row(f"user-{number}", scores=[number / 7, -number / 3, 0.0]) for number in range(5)]
    checked, rejections = CHECKER.check(batch(drawn))
    assert not rejections
    found = list(CHECKER.rankings(checked))
    assert [ranking.user_id for ranking in found] == [f"user-{number}" for number in range(5)]
    # float32, as the table has it.
    assert found[1].scores == tuple(pa.array([1 / 7, -1 / 3], pa.float32()).to_pylist())
    assert found[0].recommenders == ("refill", "deals")
    assert CHECKER.first_expiry(checked) == EXPIRES_AT.isoformat()


def test_a_figure_that_is_missing_is_refused() -> None:
    table = batch([row("user-1", scores=[None, 0.25, 0.0]), row("user-2", propensities=[None, 1.0, 0.0])])
    checked, rejections = CHECKER.check(table)
    assert checked.num_rows == 0
    assert [rejection.reason for rejection in rejections] == ["score_not_finite", "propensity_out_of_range"]


def test_a_score_far_outside_the_reward_is_refused() -> None:
    table = batch([row("user-1", scores=[3e35, 0.25, 0.0]), row("user-2", scores=[1.25, -1.0, 0.0])])
    checked, rejections = CHECKER.check(table)
    assert checked.column(0).to_pylist() == ["user-2"]
    (refused,) = rejections
    assert refused.reason == "score_out_of_range"
    assert "score of refill is 3e+35; allowed: -1.5 to 1.25" in refused.detail


def test_no_rows() -> None:
    checked, rejections = CHECKER.check(batch([]))
    assert (checked.num_rows, rejections) == (0, [])
