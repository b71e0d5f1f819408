from __future__ import annotations

import itertools
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.prediction_storer.post_process import (
    Rejection,
    post_process,
    reject_duplicate,
    resolve_duplicates,
)
from serving.ranking import Ranking
from tests.prediction_storer.prediction_rows import EXPIRES_AT, RECOMMENDERS, STAMP, row
from tests.rankings import make_ranking as ranking_with


def make_ranking(**changes: Any) -> Ranking:
    result = post_process(row(**changes), RECOMMENDERS, STAMP)
    assert isinstance(result, Ranking)
    return result


def test_drops_the_padding_and_stamps() -> None:
    assert make_ranking() == ranking_with(
        user_id="user-1",
        recommenders=("refill", "deals"),
        scores=(0.5, 0.25),
        propensities=(0.925, 1.0),
        explored=True,
        campaign="monday",
        model_version=STAMP.model_version,
        generated_at=STAMP.generated_at,
        expires_at=EXPIRES_AT,
    )


def test_padding_between_is_dropped_with_its_figures() -> None:
    ranking = make_ranking(
        recommenders=[b"", b"deals", b"refill"], scores=[9.0, 1.0, 2.0], propensities=[0, 0.5, 1]
    )
    assert (ranking.recommenders, ranking.scores, ranking.propensities) == (
        ("deals", "refill"),
        (1.0, 2.0),
        (0.5, 1.0),
    )


@given(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3))
def test_rounds_nothing(scores: list[float]) -> None:
    ranking = make_ranking(
        recommenders=[b"refill", b"deals", b"top_rated"], scores=scores, propensities=[1.0] * 3
    )
    assert [struct.pack("d", score) for score in ranking.scores] == [
        struct.pack("d", score) for score in scores
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_id": None}, "missing_user_id"),
        ({"user_id": []}, "missing_user_id"),
        ({"user_id": [b""]}, "missing_user_id"),
        ({"user_id": [b"\xff"]}, "invalid_user_id"),
        ({"user_id": [b"x" * 1501]}, "invalid_user_id"),
        ({"campaign": None}, "missing_campaign"),
        ({"recommenders": [b"", b"", b""]}, "no_eligible_recommender"),
        ({"recommenders": None, "scores": None, "propensities": None}, "no_eligible_recommender"),
        ({"recommenders": [b"refill", b"spam", b""]}, "unknown_recommender"),
        ({"recommenders": [b"refill", b"refill", b""]}, "repeated_recommender"),
        ({"recommenders": [b"refill", b"\xff", b""]}, "invalid_recommenders"),
        ({"scores": [math.nan, 0.25, 0.0]}, "score_not_finite"),
        ({"scores": [0.5, math.inf, 0.0]}, "score_not_finite"),
        ({"scores": [0.5]}, "unequal_lengths"),
        ({"propensities": [0.0, 1.0, 0.0]}, "propensity_out_of_range"),
        ({"propensities": [0.5, 1.5, 0.0]}, "propensity_out_of_range"),
        ({"propensities": [math.nan, 1.0, 0.0]}, "propensity_out_of_range"),
        ({"explored": None}, "malformed"),
        ({"explored": [2]}, "malformed"),
        ({"expires_after_days": None}, "malformed"),
        ({"expires_after_days": [0]}, "malformed"),
        ({"expires_after_days": [366]}, "malformed"),
        ({"expires_after_days": [3, 3]}, "malformed"),
        ({"expires_after_days": [3.5]}, "malformed"),
    ],
)
def test_refuses(changes: dict[str, Any], reason: str) -> None:
    refused = post_process(row(**changes), RECOMMENDERS, STAMP)
    assert isinstance(refused, Rejection)
    assert refused.reason == reason

    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    line = json.loads(refused.to_json(), parse_constant=no_constant)
    assert line["reason"] == reason
    assert line["detail"]
    assert set(line["row"]) == set(row(**changes))


def test_figures_of_the_padding_do_not_matter() -> None:
    assert make_ranking(scores=[0.5, 0.25, math.nan], propensities=[0.925, 1.0, -1.0]) == make_ranking()


def test_a_duplicate_is_chosen_whatever_the_order() -> None:
    rankings = [make_ranking(campaign=[name]) for name in (b"c", b"a", b"b")]
    for order in itertools.permutations(rankings):
        kept, others = resolve_duplicates(order)
        assert kept.campaign == "a"
        assert [ranking.campaign for ranking in others] == ["b", "c"]


def test_a_refused_duplicate_names_its_user() -> None:
    rejection = reject_duplicate(make_ranking())
    assert rejection.reason == "duplicate_user_id"
    assert "'user-1'" in rejection.detail
    assert json.loads(rejection.to_json())["row"]["campaign"] == "monday"
