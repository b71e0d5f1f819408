"""The page of a prediction day: what it says of days that are well, and of others."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.reports.prediction_day import PredictionDay, page, summary
from newsletter_bandit.reports.prediction_day.change import change
from newsletter_bandit.reports.prediction_day.evidence import EarlierDay
from tests.reports.made import NAMES
from tests.reports.made_day import TOOK, day, long_ago, shifted, stale, with_refusals
from tests.reports.parsed import Parsed, require_self_contained

CASES = {
    "well": day(),
    "first day": day(before=None, groups=(), snapshot=None, trained_until=None),
    "shifted": shifted(),
    "refusals": with_refusals(),
    "stale": stale(),
    "long ago": long_ago(),
    "store unknown": day(store=None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_page_is_one_small_file_that_refers_to_nothing(case: str) -> None:
    require_self_contained(page(CASES[case], TOOK))


@pytest.mark.parametrize("case", CASES)
def test_the_evidence_is_read_back_as_it_was_written(case: str) -> None:
    assert PredictionDay.from_json(CASES[case].to_json()) == CASES[case]
    json.dumps(summary(CASES[case]), allow_nan=False)


def cells(text: str) -> list[list[str]]:
    return [[" ".join(cell.split()) for cell in row] for row in Parsed(text).cells]


def test_a_day_on_which_all_is_well() -> None:
    text = page(day(), TOOK)
    said = Parsed(text).text
    for words in (
        "✓ Stored, nothing is wrong 10,000 users have a ranking for 26 November 2026, made by the model "
        "20261123T101500Z-22222222, and every limit holds. No row was refused",
        "Since 25 November, a little changed in who is first.",
        "To turn 25 November into this day, at least 2.0% of the users would need another first recommender",
        f"Most changed: {NAMES[0]}, from 48.0% to 50.0%.",
        "The same model ranked then.",
        "6.0% of the users: 600 get another recommender than the best estimate",
        "Rankings 10,700 Being served 10,500 Of these, older than this day 500 (4.8%) Expired 200",
        "These rankings are served for 8 days, until 4 December 2026.",
        "1 min 15 s in all.",
    ):
        assert words in said, words
    assert "What to look at" not in said
    rows = cells(text)
    assert [NAMES[0], "5,000", "50.0%", "48.0%", "+2.0 points", "2.0%"] in rows
    assert [NAMES[2], "2,000", "20.0%", "20.5%", "−0.5 points", "15.0%"] in rows
    # In net clicks per 100,000 newsletters.
    assert ["0 to 2,000", "2,000"] in rows
    assert [NAMES[0], "5,000", "5,000", "4,000 to 7,000"] in rows
    assert ["colour: red & <i>hot</i>", "5,000", "80.0%", "20.0%", "0.0%"] in rows
    assert ["colour: unknown", "2,000", "0.0%", "0.0%", "100.0%"] in rows
    assert ["colour: 12 smaller ones", "3,000", "33.3%", "66.7%", "0.0%"] in rows
    assert ["BulkInferrer", "12 s"] in rows
    ages = {row[0].split(" 2026")[0]: row[1:] for row in rows if row[-1].endswith(("day", "days"))}
    assert ages["The newest newsletters that it learned from"] == ["8 November 2026", "18 days"]
    assert ages["The users' data"] == ["25 November 2026", "1 day"]
    snapshot = next(row for row in rows if row[0].startswith("Age of the users' data"))
    assert snapshot[1:] == ["1 day", "at most 14 days", "13 days", "✓ holds"]
    assert summary(day())["warnings"] == []


def test_a_first_day_says_so() -> None:
    found = CASES["first day"]
    text = page(found)
    said = Parsed(text).text
    assert "There is no earlier day to compare with" in said
    assert "Day before" not in said
    assert "How long it took" not in said
    assert "Who gets what" not in said
    assert [NAMES[0], "5,000", "50.0%", "2.0%"] in cells(text)
    told = summary(found)
    assert (told["day_before"], told["changed_share"], told["users_age_days"]) == (None, None, None)
    assert told["limits"]["storing.max_share_change"] == "skipped"


def test_a_big_shift_is_the_first_thing_that_is_said() -> None:
    said = Parsed(page(shifted())).text
    assert "! Stored, but look at this" in said
    assert "the first places of 46% of the users changed since the day before (close to the limit)." in said
    assert "Since 25 November, very much changed in who is first." in said
    assert f"Most changed: {NAMES[0]}, from 4.0% to 50.0%." in said
    assert "Another model ranked then" in said
    told = summary(shifted())
    assert told["changed_share"] == pytest.approx(0.46)
    assert told["most_changed"] == NAMES[0]
    assert told["limits"]["storing.max_share_change"] == "near"


def test_what_is_retired_since_had_to_move() -> None:
    settings = day().use_case.model_copy(update={"retired": (NAMES[2],)})
    before = EarlierDay(dt.date(2026, 11, 25), "v", dict(zip(NAMES, (500, 300, 9200), strict=True)))
    found = day(use_case=settings, before=before)
    whole, of_offered = change(found), change(found, settings.offered)
    assert whole is not None
    assert of_offered is not None
    assert whole.moved == pytest.approx(0.72)
    assert of_offered.moved == pytest.approx(0.2)  # 62.5% and 37.5% then
    assert summary(found)["limits"]["storing.max_share_change"] == "holds"


def test_a_difference_that_chance_makes_is_said_to_be_chance() -> None:
    few = day(before=EarlierDay(dt.date(2026, 11, 25), "v", dict(zip(NAMES, (49, 31, 20), strict=True))))
    assert "so this is no more than chance" in Parsed(page(few)).text
    assert "no more than chance" not in Parsed(page(shifted())).text


def test_refused_rows_are_told_by_reason_and_against_their_limit() -> None:
    text = page(with_refusals())
    said = Parsed(text).text
    assert "but 0.1% of the rows were refused (close to the limit)." in said
    assert "10 rows were refused: such a user keeps the ranking of an earlier day until it expires" in said
    rows = cells(text)
    assert ["The row has no user idmissing_user_id", "7"] in rows
    assert ["Of tomorrowof_tomorrow", "1"] in rows
    told = summary(with_refusals())
    assert (told["rows_read"], told["rows_refused"]) == (10_010, 10)
    assert told["refused_by_reason"]["missing_user_id"] == 7


def test_a_store_full_of_older_rankings_warns() -> None:
    found = stale()
    said = Parsed(page(found)).text
    assert "but 33.3% of the rankings being served are older than this day." in said
    assert "See whether the inference table holds every user that it should." in said
    told = summary(found)
    assert (told["stale_rankings"], told["stale_share"]) == (5000, pytest.approx(1 / 3))
    assert told["limits"]["freshness.max_stale_share"] == "fails"
    allowed = found.use_case.freshness.model_copy(update={"max_stale_share": 0.5})
    tolerant = replace(found, use_case=found.use_case.model_copy(update={"freshness": allowed}))
    assert summary(tolerant)["warnings"] == []


def test_a_day_that_lies_too_far_back_is_not_served() -> None:
    found = replace(long_ago(), options="--workdir shop")
    said = Parsed(page(found)).text
    assert "✕ Stored, but not served" in said
    assert "all of them expired on 4 December 2026, so the endpoint treats these users as unknown" in said
    assert "newsletter-bandit predict --workdir shop" in said
    assert summary(found)["limits"]["freshness.max_stale_share"] == "skipped"


def test_what_nobody_could_look_at_is_not_guessed() -> None:
    found = CASES["store unknown"]
    assert "The store could not be looked at after the run" in Parsed(page(found)).text
    assert summary(found)["warnings"] == ["the store could not be looked at after the run"]
    assert (summary(found)["stale_share"], summary(found)["expired_rankings"]) == (None, None)


def test_damaged_evidence_is_refused_by_field() -> None:
    content = json.loads(day().to_json())
    for changed, message in (
        ({"run_date": "yesterday"}, "run_date is 'yesterday'; allowed: a day"),
        ({"expires_at": "2026-12-04T00:00:00"}, "expires_at is .*; allowed: a time with its zone"),
        ({"first": [{"recommender": "a"}]}, r"no field first\[0\].users"),
        ({"format": 2}, "format is 2; allowed: 1"),
    ):
        with pytest.raises(DataError, match=message):
            PredictionDay.from_json(json.dumps({**content, **changed}))


def test_a_thousand_recommenders_fit_on_a_page() -> None:
    names = [f"recommender number {number}" for number in range(1000)]
    place = day().first[0]
    first = tuple(replace(place, recommender=name, users=10, explored=1) for name in names)
    settings = day().use_case.model_copy(update={"recommenders": tuple(names)})
    before = EarlierDay(dt.date(2026, 11, 25), "v", dict.fromkeys(names, 9))
    text = page(day(use_case=settings, first=first, before=before), TOOK)
    assert len(text.encode()) < 1_500_000
