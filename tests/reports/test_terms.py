"""The report of a reward with a basket's value: its unit, each term, heavy tails, and a missing clip."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from newsletter_bandit.registry.evidence.metrics import Clicks, TermFigures
from newsletter_bandit.reports import Evidence
from newsletter_bandit.reports.judgement import headline
from newsletter_bandit.reports.meaning import counted, meanings, net_clicks
from newsletter_bandit.reports.next_steps import next_steps
from newsletter_bandit.reports.page import page
from newsletter_bandit.reports.sections import guardrails, terms
from tests.evidence_records import model_figures
from tests.reports.made import evidence, overall

BOUNDS, LEFT_OUT = "bounds of the reward", "newsletters left out"
CLICKS = Clicks(0.13, 0.001, 0.12, 0.14, 0.11, 0.02, 0.015, 0.025)
BASKET = TermFigures(3.2, 0.2, 2.8, 3.6, 2.5, 0.7, 0.4, 1.0, logged=2.5, top_share=0.6, unclipped=4.0)


def of_money(clip: list[float] | None = None, term: TermFigures = BASKET, **changes: Any) -> Evidence:
    basket = {"weight": 0.02, "clip": clip}
    model = replace(
        model_figures(value=0.12, auc=None),
        rank_correlation=0.21,
        calibration_slope=0.8,
        calibration_bias=-0.01,
    )
    figures = overall(clicks=CLICKS, terms={"basket_chf": term}, candidate=model)
    return evidence(
        figures=figures, reward={"terms": {"clicked": 1, "unsubscribed": -1, "basket_chf": basket}}, **changes
    )


def test_the_unit_is_the_reward_and_each_term_stands_by_itself() -> None:
    found = of_money([0, 200])
    assert counted(found) == "units of reward"
    assert "per 100,000 newsletters it earns 2,000 more units of reward than" in headline(found).sentence
    assert net_clicks(found) == (
        "Reward: 1 × clicked + −1 × unsubscribed (after a click, in the place of the click) + "
        "0.02 × basket_chf (within 0 to 200)."
    )
    basket = meanings(found)[2]
    assert (basket.name, basket.own.text(), basket.difference.text(True)) == (
        "basket_chf",
        "320,000",
        "+70,000",
    )
    clicked, left, money = terms.terms(found)
    assert [one.name for one in (clicked, left, money)] == ["clicked", "unsubscribed", "basket_chf"]
    assert (clicked.weight, money.weight, money.logged) == ("1", "0.02", 250_000)
    assert (money.top_share, money.clipped_away, money.heavy) == ("60.0%", "37.5%", True)
    html = " ".join(re.sub(r"<[^>]+>", " ", page(found)).split())
    for words in (
        "What the reward is made of",
        "rank correlation of 0.21",
        "A unit of estimate is worth 0.8 of reward",
        "A heavy tail: 1% of the newsletters carry 60.0% of basket_chf.",
        "Units of reward of 100,000",
    ):
        assert words in html
    assert "et clicks" not in html


def test_a_reward_of_clicks_has_no_such_section() -> None:
    html = page(evidence())
    assert "What the reward is made of" not in html
    assert "units of reward" not in html


def test_a_missing_clip_is_the_first_thing_said_and_the_next_thing_to_do() -> None:
    unknown = replace(
        BASKET,
        standard_error=None,
        low=None,
        high=None,
        difference_low=None,
        difference_high=None,
        unclipped=2.5,
    )
    failed = {BOUNDS: (1.0, 0.0, "basket_chf: no interval holds; set reward.terms.basket_chf.clip")}
    found = of_money(None, unknown, verdict="cannot_tell", outcome="not_blessed", failed=failed)
    told = headline(found)
    assert told.badge == "Cannot tell: do not go live yet"
    assert told.sentence == "The reward has no bounds, so nobody can say how sure an estimate of it is."
    assert "set reward.terms.basket_chf.clip" in told.because
    (step,) = next_steps(found)
    assert step.text.startswith("Set reward.terms.basket_chf.clip to the smallest and largest value")
    assert "such as 0 and what a hundredth of the values exceed, and train again" in step.text
    measured = of_money(
        None, replace(unknown, exceeded=412.3), verdict="cannot_tell", outcome="not_blessed", failed=failed
    )
    assert "such as [0, 420], or [-420, 420] if it can be negative" in next_steps(measured)[0].text
    assert "A lower clip" not in page(found)
    assert "A clip would make the estimates surer" in " ".join(page(found).split())
    assert terms.terms(found)[2].clipped_away == ""
    assert "interval unknown" in page(found)
    assert guardrails.guards(found)[-1].name == "Bounds of the reward"


def test_newsletters_without_a_value_are_said_and_what_to_do() -> None:
    detail = "0.96 is not <= 0.1 (share of the window)"
    found = of_money(
        [0, 200], verdict="cannot_tell", outcome="not_blessed", failed={LEFT_OUT: (0.96, 0.1, detail)}
    )
    assert found.log is not None
    arm = replace(found.log.arms[0], unknown=2_400_000, missing={"basket_chf": 2_400_000})
    found = replace(found, log=replace(found.log, arms=(arm, *found.log.arms[1:])))
    assert headline(found).sentence.startswith("Too many newsletters were left out")
    first, second, last = next_steps(found)
    assert 'set ingest.value_names.basket_chf: {"": 0}' in first.text
    assert first.command == "ingest training FILE --replace"
    assert "reward.terms.basket_chf.attribution_days" in second.text
    assert last.command == "train"
    html = " ".join(re.sub(r"<[^>]+>", " ", page(found)).split())
    assert "Left out beside these, without basket_chf 2,400,000" in html
    assert guardrails.guards(found)[-1].figure == "96%"
