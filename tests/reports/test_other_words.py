"""The pages of a use case that is no newsletter: they tell of its units and subjects, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from newsletter_bandit.reports import Evidence
from newsletter_bandit.reports.card import card
from newsletter_bandit.reports.judgement import headline
from newsletter_bandit.reports.meaning import meanings, net_clicks
from newsletter_bandit.reports.next_steps import next_steps
from newsletter_bandit.reports.page import page
from newsletter_bandit.reports.prediction_day.page import page as day_page
from newsletter_bandit.reports.sections import guardrails
from newsletter_bandit.settings.use_case import UseCase
from tests.other_words import REWARD, WORDS, of_visits, told
from tests.reports import made, made_day
from tests.reports.parsed import Parsed

# Checks that fail, each with the verdict that follows.
FAILED = {
    "rows": (900.0, 2000.0, "900 is not >= 2000 (evaluation rows)"),
    "effective sample size": (90.0, 200.0, "a detail"),
    "largest weight": (300.0, 250.0, "a detail"),
    "clipped weight": (0.1, 0.05, "a detail"),
    "value": (-0.2, -0.1, "a detail"),
    "sample ratio": (0.0, 0.0001, "a detail"),
    "visits left out": (0.4, 0.1, "a detail"),
    "bounds of the reward": (1.0, 0.0, "a detail"),
    "margin": (0.1, 0.2, "a detail"),
    "estimated propensities": (None, 0.0, "a detail"),
}


def runs() -> Iterator[Evidence]:
    """One of each kind: blessed, with all figures, and each check that can fail."""
    yield made.evidence()
    yield made.with_everything()
    yield made.wrong_propensities()
    for name, failed in FAILED.items():
        yield made.evidence("cannot_tell", "not_blessed", {name: failed})
    worse = made.overall(difference=made.difference(-0.03, -0.04, -0.02))
    yield made.evidence("not_blessed", "not_blessed", {"value": FAILED["value"]}, worse)
    yield made.evidence("not_blessed", "not_blessed", {"AUC": (0.4, 0.5, "a detail")})
    for outcome in ("superseded", "pinned", "waiting"):
        yield made.evidence(outcome=outcome)  # type: ignore[arg-type]


def texts(html: str) -> str:
    parsed = Parsed(html)
    labels = [value or "" for _, found in parsed.elements for name, value in found.items() if "label" in name]
    return "\n".join([*parsed.texts, *labels])


@pytest.mark.parametrize("found", list(runs()))
def test_no_report_tells_of_newsletters_users_or_unsubscribes(found: Evidence) -> None:
    visits = of_visits(found)
    assert told(texts(page(visits))) == []
    if visits.version is not None:
        assert told(card(visits)) == []


def test_a_report_tells_of_visits_and_sessions() -> None:
    # Of a newsletter it tells as before, so the test above looks for something.
    assert len(told(texts(page(made.with_everything())))) > 20
    found = of_visits(made.with_everything())
    shown = " ".join(texts(page(found)).split())
    for words in (
        "may this model choose the next visits?",
        "Visits as they were served",
        "How often each recommender fills the visits that were kept apart",
        "Gain of each group of sessions against",
        "Sessions that are typical of those with the same first choice",
        "Served, of those kept apart",
        "Let pages look the rankings up by session",
    ):
        assert words in shown
    shown = " ".join(card(found).split())
    for words in (
        "fills the next visit of each session",
        "of the sessions, none of which the training saw",
        "Those who serve the visit take the first",
        "the recommender that each session was served, and what came of it.",
        "days after serving",
    ):
        assert words in shown
    assert "visits" in headline(of_visits(made.evidence())).sentence


def test_a_log_with_unsubscribes_tells_of_them_whatever_the_reward_is() -> None:
    """A guardrail is not hidden because nobody wants to pay for it."""
    check = {"unsubscribes": (1.8, 1.5, "a detail")}
    found = made.evidence("not_blessed", "not_blessed", check, reward={"terms": {"clicked": 1}})
    assert "Unsubscribes" in [guard.name for guard in guardrails.guards(found)]
    assert net_clicks(found) == "A click counts 1; unsubscribes do not count."
    none = of_visits(found, reward={"terms": {"clicked": 1}})
    assert "Unsubscribes" not in [guard.name for guard in guardrails.guards(none)]
    assert net_clicks(none) == "A click counts 1."
    assert [one.name for one in meanings(of_visits(made.with_everything()))] == ["clicks"]
    assert "Unsubscribes" not in page(none)


def test_a_step_says_whom_to_serve() -> None:
    found = of_visits(
        made.evidence("cannot_tell", "not_blessed", {"estimated propensities": (None, 0.0, "x")})
    )
    assert next_steps(found)[0].text.startswith("Serve a part of the next visits by a random draw")


@pytest.mark.parametrize(
    "day",
    [made_day.day(), made_day.shifted(), made_day.with_refusals(), made_day.stale(), made_day.long_ago()],
)
def test_no_page_of_a_prediction_day_tells_of_newsletters_or_users(day: made_day.PredictionDay) -> None:
    settings = {**day.use_case.model_dump(), "words": WORDS, "reward": REWARD}
    shown = texts(day_page(replace(day, use_case=UseCase.model_validate(settings)), made_day.TOOK))
    assert told(shown.replace("duplicate_user_id", "").replace("missing_user_id", "")) == []
    assert "Sessions with a ranking" in shown
