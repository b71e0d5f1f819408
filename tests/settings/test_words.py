"""The words of a use case, and the column that names its subject."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from newsletter_bandit.settings.tables import RAW_COLUMNS
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.words import Words, capital
from tests.tiny import make_use_case


def test_a_use_case_is_a_newsletter_unless_it_says_otherwise() -> None:
    words = make_use_case().words
    assert (words.units, words.subjects, words.senders) == ("newsletters", "users", "senders")
    assert (words.a_unit, words.a_subject, words.reader) == ("a newsletter", "a user", "reader")
    assert (words.who, words.whom, words.sending) == ("who", "whom", "sending")
    assert (words.sends, Words(send="push").sends) == ("sends", "pushes")
    assert words.left_out == "newsletters left out"


@pytest.mark.parametrize(
    ("unit", "units", "one"),
    [
        ("visit", "visits", "a visit"),
        ("inquiry", "inquiries", "an inquiry"),
        ("display", "displays", "a display"),
        ("order batch", "order batches", "an order batch"),
        ("bus", "buses", "a bus"),
    ],
)
def test_a_plural_is_regular_unless_it_is_given(unit: str, units: str, one: str) -> None:
    words = Words(unit=unit)
    assert (words.units, words.a_unit) == (units, one)
    assert Words(unit=unit, units="many").units == "many"
    # As they travel to another machine.
    assert Words.model_validate_json(words.model_dump_json()) == words


def test_words_of_a_session() -> None:
    words = Words(subject="session", people=False, send="serve", sent="served", sender="page")
    assert (words.readers, words.who, words.whom, words.sending) == ("sessions", "that", "which", "serving")
    assert words.counted_subjects(1) == "1 session"
    assert words.counted_subjects(2_000) == "2,000 sessions"
    assert capital("e-mail sessions") == "E-mail sessions"


@pytest.mark.parametrize("word", ["", " visit", "visit ", "a\nb", "<b>", "it's", "x | y", "[bold]", "1st"])
def test_a_word_is_letters_digits_blanks_and_hyphens(word: str) -> None:
    with pytest.raises(ValidationError, match="one word or a few"):
        Words(unit=word, units="visits")


def test_the_tables_name_the_subject_by_the_key_and_examples_by_the_contract() -> None:
    use_case = make_use_case(key="session_id")
    for table in ("training", "inference", "sends", "users"):
        assert "session_id" in use_case.table_columns(table)
        assert "user_id" not in use_case.table_columns(table)
        assert "user_id" in make_use_case().table_columns(table)
    # A table of stored rankings has the ranking store's names.
    assert use_case.table_columns("rankings") == RAW_COLUMNS["rankings"]
    assert "user_id" in use_case.example_columns
    assert UseCase.from_json(use_case.to_json()) == use_case
    mapped = make_use_case(key="session_id", ingest={"training": {"session_id": {"column": "sid"}}})
    assert list(mapped.ingest.training) == ["session_id"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "campaign"}, "key: found campaign, a column of the contract"),
        ({"key": "send_id"}, "key: found send_id, a column of the contract"),
        ({"key": "colour"}, "key: found colour, a feature or an outcome"),
        ({"key": "session id"}, "letters without accents, digits and underscores"),
        (
            {"key": "sid", "ingest": {"training": {"user_id": {"column": "u"}}}},
            "ingest.training: \\['user_id'\\]",
        ),
    ],
)
def test_a_key_is_a_column_of_its_own(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        make_use_case(**changes)


def test_only_a_reward_or_a_log_with_unsubscribes_tells_of_them() -> None:
    clicks = make_use_case(reward={"terms": {"clicked": 1}}).reward
    assert not clicks.tells_of_unsubscribes(None)
    assert not clicks.tells_of_unsubscribes(0.0)
    assert clicks.tells_of_unsubscribes(0.001)
    assert make_use_case().reward.tells_of_unsubscribes(0.0)
