"""A new name in a curated schema: one more line, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.example_validator.allowed_names import with_recommender
from components.example_validator.implied_schema import curated_schema, schema_text
from newsletter_bandit.errors import SettingsError
from tests.tiny import make_use_case

SHIPPED = Path(__file__).parents[2] / "configs" / "schemas" / "newsletter.pbtxt"


def test_one_more_line() -> None:
    text = "# Reviewed in May.\n" + SHIPPED.read_text()
    last = '  value: "clickbait_offers"\n'
    assert with_recommender(text, "new", "a file") == text.replace(last, last + '  value: "new"\n')
    # What it allows already it goes on allowing.
    assert with_recommender(text, "deals", "a file") == text


@pytest.mark.parametrize("name", ['say "hi"', "für dich – 50%", "back\\slash"])
def test_any_name_reads_as_it_was_meant(name: str) -> None:
    use_case = make_use_case()
    more = make_use_case(recommenders=[*use_case.recommenders, name])
    assert with_recommender(schema_text(use_case), name, "a file") == schema_text(more)


def test_a_schema_without_a_list_of_names_allows_any() -> None:
    assert with_recommender("default_environment: 'TRAINING'\n", "new", "a file") == (
        "default_environment: 'TRAINING'\n"
    )


def test_what_cannot_be_changed_is_left_to_a_person() -> None:
    text = 'string_domain < name: "recommenders" value: "a" >\n'
    with pytest.raises(SettingsError, match=r'a file: .*by hand: add `value: "b"`'):
        with_recommender(text, "b", "a file")
    with pytest.raises(SettingsError, match="a file: not a schema"):
        with_recommender("recommenders: [a]", "b", "a file")


def test_a_schema_of_renamed_recommenders_allows_either_name() -> None:
    """The log holds the old name until the window has moved on."""
    use_case = make_use_case(recommenders=["a", "bee", "c"], renamed={"b": "bee"})
    (domain,) = curated_schema(use_case).string_domain
    assert list(domain.value) == ["a", "bee", "c", "b"]
