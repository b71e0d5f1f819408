"""Shares as people write them, settings by the size of a log, and the files: all of them or none."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use.defaults import max_unsubscribe_ratio, plan
from newsletter_bandit.first_use.misfit import misfit
from newsletter_bandit.first_use.splits import parse_part, parse_split
from newsletter_bandit.first_use.words import after_sending, fit, words_of
from newsletter_bandit.first_use.writing import write_all
from newsletter_bandit.settings.yaml_text import flow

NAMES = ["deals", "top, rated = best"]


@pytest.mark.parametrize(
    "text",
    [
        "60/40",
        "60%, 40%",
        "0.6; 0.4",
        "deals=60, top, rated = best=40",
        "top, rated = best = 40%; deals = 60%",
    ],
)
def test_shares_are_read_as_people_write_them(text: str) -> None:
    assert parse_split(text, NAMES, "shares") == {"deals": 0.6, "top, rated = best": 0.4}


def test_thirds_may_be_rounded_and_equal_needs_no_figures() -> None:
    names = ["a", "b", "c"]
    for text in ("equal", "33/33/33", "0.333/0.333/0.333"):
        assert parse_split(text, names, "x") == pytest.approx(dict.fromkeys(names, 1 / 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60/30", "shares: the shares add up to 90; allowed: 100, or 1"),
        ("100/0", "top, rated = best has the share 0, but the log shows it"),
        ("60/30/10", "found 3 shares for 2 recommenders"),
        ("deals=60, best=40", "best is unknown, missing or given twice"),
        ("deals=60, deals=40", "is unknown, missing or given twice"),
        (
            "half and half",
            "found 'half and half'; allowed: equal, or shares such as 50/50 in the order deals",
        ),
    ],
)
def test_shares_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_split(text, NAMES, "shares")


def test_rows_that_miss_a_recommender_take_shares_of_all() -> None:
    every = ["a", "b", "c"]
    assert parse_part("50/50", ["a", "b"], every, "x") == {"a": 0.5, "b": 0.5}
    assert parse_part("50/49/1", ["a", "b"], every, "x") == {"a": 0.5, "b": 0.49, "c": 0.01}
    with pytest.raises(SettingsError, match="found 1 shares for 2 recommenders"):
        parse_part("100", ["a", "b"], every, "x")


def test_chance_is_no_misfit() -> None:
    assert misfit({"a": 0.5, "b": 0.5}, {"a": 5_060, "b": 4_940}) == ""
    # Far beyond chance, but by less than a twentieth: nothing that matters.
    assert misfit({"a": 0.5, "b": 0.5}, {"a": 5_100_000, "b": 4_900_000}) == ""
    assert "a: 50.0% said, 60.0% found" in misfit({"a": 0.5, "b": 0.5}, {"a": 6_000, "b": 4_000})


def days(first: dt.date, count: int, each: int) -> dict[dt.date, int]:
    return {first + dt.timedelta(days=day): each for day in range(count)}


def test_a_small_log_gets_a_linear_agent_and_a_window_that_holds_it() -> None:
    first, today = dt.date(2026, 3, 2), dt.date(2026, 11, 29)
    small = plan(days(first, 56, 535), today)
    assert (small.small, small.learning["agent"]["type"]) == (True, "lin_ucb")
    assert (small.window["weeks"], small.window["overlap_weeks"], small.window_rows) == (26, 25, 56 * 535)
    # The window ends with the log, and its outcomes are final three days later.
    assert small.window["anchor"] + dt.timedelta(weeks=26) == dt.date(2026, 4, 27)
    assert small.run_date == dt.date(2026, 4, 30)
    large = plan(days(first, 56, 20_000), today)
    assert (large.small, large.learning["agent"]["type"]) == (False, "boltzmann")
    assert (large.window["weeks"], large.window["overlap_weeks"], large.eval_share) == (4, 1, 0.2)


def test_a_day_in_the_future_is_a_slip_of_the_pen() -> None:
    today = dt.date(2026, 11, 29)
    sends = days(dt.date(2026, 5, 4), 56, 100)
    assert plan({**sends, dt.date(2062, 5, 4): 1}, today).run_date == plan(sends, today).run_date


def test_a_log_up_to_yesterday_waits_for_its_outcomes() -> None:
    today = dt.date(2026, 11, 29)
    found = plan(days(dt.date(2026, 10, 1), 60, 100), today)
    assert found.run_date <= today
    assert found.window_rows == 56 * 100


def test_the_share_to_judge_on_grows_as_the_log_shrinks() -> None:
    first, today = dt.date(2026, 3, 2), dt.date(2026, 11, 29)
    sizes = {rows: plan(days(first, 10, rows // 10), today) for rows in (3_000, 5_000, 30_000, 200_000)}
    assert [found.eval_share for found in sizes.values()] == [0.5, 0.5, 0.3, 0.2]
    assert [found.too_few for found in sizes.values()] == [True, False, False, False]
    assert [max_unsubscribe_ratio(judged) for judged in (10, 36, 5_000)] == [None, 4.0, 2.0]


def test_names_are_read_in_two_languages() -> None:
    assert words_of("lastOrder_Öffnung (EUR)") == ("last", "order", "oeffnung", "eur")
    assert fit("user", "Kunden-Nr.") > fit("user", "id") > 0
    assert fit("clicked", "clicks") > 0 == fit("clicked", "clicks_last_month")
    assert after_sending("opened")
    assert not after_sending("opens_last_week")


@given(
    st.text(max_size=30)
    | st.dictionaries(st.text(max_size=9), st.booleans() | st.text(max_size=9), max_size=3)
)
def test_whatever_stands_in_a_file_survives_yaml(value: object) -> None:
    assert yaml.safe_load(f"key: {flow(value)}") == {"key": value}


def test_files_are_written_all_or_none_and_again_without_harm(tmp_path: Path) -> None:
    first, second = tmp_path / "schemas" / "a.pbtxt", tmp_path / "a.yaml"
    write_all({first: "schema", second: "use case"})
    write_all({first: "schema", second: "use case"})
    second.unlink()
    # What a killed call left is made up for.
    write_all({first: "schema", second: "use case"})
    with pytest.raises(SettingsError, match=r"a\.yaml: is there already, with another content; nothing was"):
        write_all({tmp_path / "b.pbtxt": "new", second: "other"})
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a.pbtxt", "a.yaml"]
    assert second.read_text() == "use case"
    write_all({second: "other"}, overwrite=True)
    assert second.read_text() == "other"
    blocked = tmp_path / "a.yaml" / "below"
    with pytest.raises(SettingsError, match="nothing was written"):
        write_all({tmp_path / "c.yaml": "made first", blocked: "no folder"})
    assert not (tmp_path / "c.yaml").exists()
