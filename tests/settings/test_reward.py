"""The reward as a sum of terms: bounds, short forms, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import make_use_case

BASKET = {"weight": 0.02, "clip": [0, 200], "attribution_days": 14}


def reward(**terms: Any) -> Reward:
    return Reward.model_validate({"terms": terms})


def test_the_default_is_a_click_less_an_unsubscribe_after_one() -> None:
    found = Reward()
    assert found == reward(clicked=1, unsubscribed=-1)
    assert (found.click, found.unsubscribe, found.unsubscribe_counts) == (1.0, -1.0, "after_click")
    assert (found.bounds, found.unit, found.of_clicks, found.outcomes) == ((-1.0, 1.0), 1.0, True, {})


@pytest.mark.parametrize(
    ("terms", "bounds"),
    [
        ({"clicked": 2.5}, (0.0, 2.5)),
        ({"clicked": 1, "unsubscribed": -3, "basket_chf": BASKET}, (-3.0, 5.0)),
        # A return costs: what is negative counts as such, and so does a negative weight.
        ({"margin": {"weight": 0.5, "clip": [-10, 30]}}, (-5.0, 15.0)),
        ({"complaints": {"weight": -2, "clip": [0, 3]}, "clicked": 1}, (-6.0, 1.0)),
        ({"basket_chf": 0.02}, None),
        ({"basket_chf": BASKET, "minutes": 1.0}, None),
    ],
)
def test_the_bounds_are_the_sums_of_the_terms_own(
    terms: dict[str, Any], bounds: tuple[float, float] | None
) -> None:
    assert reward(**terms).bounds == (bounds if bounds is None else pytest.approx(bounds))


def test_a_term_without_a_clip_is_named() -> None:
    assert reward(basket_chf=BASKET, minutes=1.0, clicked=1).unbounded == ("minutes",)
    assert Reward().unbounded == ()


@pytest.mark.parametrize(
    ("old", "terms"),
    [
        (
            {"click": 2.0, "unsubscribe": -3.0},
            {"clicked": 2.0, "unsubscribed": {"weight": -3, "counts": "after_click"}},
        ),
        ({"unsubscribe_counts": "any"}, {"clicked": 1, "unsubscribed": {"weight": -1, "counts": "any"}}),
        # A click that ends in an unsubscribe earned nothing.
        ({"unsubscribe": 0.0}, {"clicked": 1, "unsubscribed": {"weight": 0, "counts": "after_click"}}),
    ],
)
def test_the_form_of_earlier_versions_is_read(old: dict[str, Any], terms: dict[str, Any]) -> None:
    assert Reward.model_validate(old) == reward(**terms)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (
            {"basket_chf": "much"},
            r'reward\.terms\.basket_chf: found "much"; allowed: a weight, or a mapping with',
        ),
        (
            {"basket_chf": {"weight": 1, "clip": [5, 5]}},
            r"reward\.terms\.basket_chf\.clip: found \[5\.0, 5\.0\]",
        ),
        (
            {"basket_chf": {"wieght": 1}},
            r"reward\.terms\.basket_chf\.wieght: unknown key; did you mean weight",
        ),
        (
            {"clicked": {"weight": 1, "clip": [0, 1]}},
            r"terms\.clicked: found clip; allowed for clicked: weight",
        ),
        (
            {"clicked": {"weight": 1, "counts": "any"}},
            r"terms\.clicked: found counts; allowed for clicked: weight",
        ),
        (
            {"basket_chf": {"weight": 1, "counts": "any"}},
            r"found counts; allowed for basket_chf: weight, clip",
        ),
        ({"clicked": 0}, r"terms\.clicked: found weight 0; allowed: more than 0"),
        ({"clicked": 1, "basket_chf": 0}, r"terms\.basket_chf: found weight 0; allowed: another"),
        (
            {"sent_at": 1},
            r"terms\.sent_at: a column of the contract; allowed: clicked, unsubscribed, or others",
        ),
        ({}, "terms: none has a weight"),
        ({"height": 1}, r"features: \['height'\] are outcomes of the reward"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(terms: dict[str, Any], words: str) -> None:
    text = make_use_case().model_dump(mode="json") | {"reward": {"terms": terms}}
    with pytest.raises(SettingsError, match=words):
        UseCase.from_json(json.dumps(text))


def test_an_outcome_is_final_when_the_slowest_term_is() -> None:
    use_case = make_use_case(reward={"terms": {"clicked": 1, "basket_chf": BASKET}})
    assert (make_use_case().final_after_days, use_case.final_after_days) == (3, 14)
    assert list(use_case.table_columns("training"))[-5:-3] == ["basket_chf", "colour"]
    assert use_case.example_columns["basket_chf"] == "FLOAT64"
    assert "basket_chf" in use_case.labels
    assert "basket_chf" not in use_case.table_columns("inference")


def test_scores_of_a_reward_without_bounds_are_all_stored() -> None:
    use_case = make_use_case(reward={"terms": {"basket_chf": 0.02}})
    low, high = use_case.storing.score_bounds(use_case.reward)
    assert (low, high) == (float("-inf"), float("inf"))
    clipped = make_use_case(reward={"terms": {"basket_chf": BASKET}})
    assert clipped.storing.score_bounds(clipped.reward) == (-4.0, 8.0)
