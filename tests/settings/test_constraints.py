"""Constraints in the settings: their words, and what contradicts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from newsletter_bandit.settings.faults import faults
from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import make_use_case

CAP = {"term": "unsubscribed", "at_most": 1.5, "of": "logging_policy"}


def test_each_bound_has_its_words() -> None:
    money = {"terms": {"clicked": 1, "cost_chf": {"weight": -0.1, "clip": [0, 50]}}}
    use_case = make_use_case(
        reward=money,
        constraints=[
            CAP,
            {"term": "cost_chf", "at_most": 2.5},
            {"recommender": "a", "share_at_least": 0.02, "share_at_most": 0.4},
        ],
    )
    assert [limit.name for limit in use_case.limits] == [
        "unsubscribed at most 1.5 times the log",
        "cost_chf at most 2.5",
        "share of a at least 2%",
        "share of a at most 40%",
    ]
    assert use_case.constrained_terms == ("unsubscribed", "cost_chf")
    assert UseCase.from_json(use_case.to_json()) == use_case
    assert use_case.unconstrained.limits == ()
    assert make_use_case().limits == ()


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ([{"term": "opened", "at_most": 1}], "term 'opened'; allowed: clicked, unsubscribed"),
        ([CAP, CAP], "unsubscribed named twice"),
        ([{**CAP, "at_most": 0}], "found at_most 0 of logging_policy; allowed: a multiple above 0"),
        ([{"term": "unsubscribed", "at_most": 1.5}], "found at_most 1.5; allowed: 0 to 1"),
        ([{"recommender": "d", "share_at_most": 0.4}], "recommender ['d']; allowed: some of ['a', 'b', 'c']"),
        ([{"recommender": "a"}], "found no bound; allowed: share_at_least, share_at_most, or both"),
        (
            [{"recommender": "a", "share_at_least": 0.5, "share_at_most": 0.4}],
            "found share_at_least 0.5, share_at_most 0.4; allowed: the first not",
        ),
        (
            [{"recommender": name, "share_at_least": 0.4} for name in "abc"],
            "share_at_least: found 1.2 in all; allowed: 1 at most",
        ),
        (
            [{"recommender": name, "share_at_most": 0.3} for name in "abc"],
            "share_at_most: found 0.9 for all recommenders together",
        ),
        ([{"recommender": "a", "share_at_mots": 0.3}], "unknown key; did you mean share_at_most"),
    ],
)
def test_contradictions_are_refused(constraints: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        make_use_case(constraints=constraints)
    assert words in " ".join(fault.words for fault in faults(raised.value, UseCase))


def test_a_retired_recommender_has_no_least_share() -> None:
    least = [{"recommender": "c", "share_at_least": 0.1}]
    with pytest.raises(ValidationError, match=r"share_at_least of \['c'\], which are retired"):
        make_use_case(constraints=least, retired=["c"])
    # The shares of those that are left must reach all newsletters, whatever the retired one's.
    most = [{"recommender": name, "share_at_most": share} for name, share in (("a", 0.5), ("b", 0.4))]
    with pytest.raises(ValidationError, match=r"share_at_most: found 0\.9"):
        make_use_case(constraints=most, retired=["c"])


def test_an_outcome_needs_a_clip_and_a_multiple_values_of_one_sign() -> None:
    def reward(clip: list[float] | None) -> dict[str, Any]:
        return {"terms": {"clicked": 1, "basket": {"weight": 0.1, "clip": clip}}}

    limit = {"term": "basket", "at_most": 1.5, "of": "logging_policy"}
    with pytest.raises(ValidationError, match=r"set reward\.terms\.basket\.clip"):
        make_use_case(constraints=[limit], reward=reward(None))
    with pytest.raises(ValidationError, match="a multiple of a negative mean bounds nothing"):
        make_use_case(constraints=[limit], reward=reward([-5, 5]))
    make_use_case(constraints=[{**limit, "of": None}], reward=reward([-5, 5]))
