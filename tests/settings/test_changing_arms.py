"""Recommenders added, retired and renamed in a file: every other character of it stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.changing_arms import Change, added, renamed, retired
from newsletter_bandit.settings.mapping import FromRule, FromSplit
from newsletter_bandit.settings.reading import load_use_case

CONFIGS = Path(__file__).parents[2] / "configs"
TEXT = """\
# The shop.
name: shop   # what it is called
recommenders:   # who may be shown
  - deals       # everything cheap

  - refill
  # the last one
  - top_rated   # by stars

default_ranking: [deals, top_rated]  # the fallback
tables: {training: shop.training, inference: shop.inference}
features:
  colour: {type: string}
agent: {type: lin_ucb}
# the end
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "shop.yaml"
    file.write_text(TEXT)
    return file


def replaced(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_added(path: Path) -> None:
    change = added(path, "No. 5 [new]")
    last = "  - top_rated   # by stars\n"
    assert change.after == replaced((last, f'{last}  - "No. 5 [new]"\n'))
    assert change.use_case.offered[-1] == "No. 5 [new]"
    # Nothing is written before it is asked for.
    assert path.read_text() == TEXT
    change.write()
    assert load_use_case(path) == change.use_case


def test_retired_and_offered_again(path: Path) -> None:
    change = retired(path, "top_rated")
    line = "default_ranking: [deals, top_rated]  # the fallback\n"
    new = "default_ranking: [deals]  # the fallback\nretired: [top_rated]\n"
    assert change.after == replaced((line, new))
    assert change.steps == ("take top_rated from default_ranking", "add retired: [top_rated]")
    change.write()
    back = added(path, "top_rated")
    assert back.after == replaced((line, "default_ranking: [deals]  # the fallback\n"))
    assert back.use_case.retired == ()


def test_renamed_twice_and_back(path: Path) -> None:
    renamed(path, "deals", "bargains").write()
    once = replaced(
        ("  - deals       #", "  - bargains       #"),
        ("[deals, top_rated]  #", "[bargains, top_rated]  #"),
        ("the fallback\n", "the fallback\nrenamed: {deals: bargains}\n"),
    )
    assert path.read_text() == once
    renamed(path, "bargains", "offers").write()
    assert load_use_case(path).renamed == {"deals": "offers", "bargains": "offers"}
    renamed(path, "offers", "deals").write()
    found = load_use_case(path)
    assert found.recommenders == ("deals", "refill", "top_rated")
    assert found.renamed == {"bargains": "deals", "offers": "deals"}
    assert path.read_text().startswith("# The shop.\n")


def test_every_place_of_a_name_is_renamed(path: Path) -> None:
    more = """\
retired:
- refill
recommender_features:
  deals: {cheap: 1.0}
  refill: {cheap: 0.0}
  top_rated: {cheap: 0.5}
ingest:
  value_names:
    recommender:
      "1": refill
      "2": deals
"""
    path.write_text(TEXT + more)
    change = renamed(path, "refill", "again")
    assert change.use_case.retired == ("again",)
    assert set(change.use_case.recommender_features) == {"deals", "again", "top_rated"}
    assert change.use_case.ingest.value_names["recommender"] == {"1": "again", "2": "deals"}
    kept = [line for line in change.after.splitlines() if "again" not in line]
    assert kept == [line for line in (TEXT + more).splitlines() if "refill" not in line]


def test_the_shares_of_a_split_are_renamed(path: Path) -> None:
    more = """\
ingest:
  training:
    propensity:
      split:
        deals: 0.5    # half of them
        "refill": 0.5
  sends:
    propensity: {rule: Country, splits: {CH: {deals: 0.4, refill: 0.6}, "": {top_rated: 1.0}}}
"""
    path.write_text(TEXT + more)
    change = renamed(path, "deals", "What's new")
    mapping = change.use_case.ingest
    split, rule = mapping.training["propensity"], mapping.sends["propensity"]
    assert isinstance(split, FromSplit)
    assert isinstance(rule, FromRule)
    assert split.split == {"What's new": 0.5, "refill": 0.5}
    assert rule.splits == {"CH": {"What's new": 0.4, "refill": 0.6}, "": {"top_rated": 1.0}}
    assert '    "What\'s new": 0.5    # half of them\n' in change.after
    # A file that somebody changed by hand may hold the old name still.
    path.write_text(f"{TEXT.replace('deals', 'new')}renamed: {{deals: new}}\n{more}")
    assert renamed(path, "new", "deals").use_case.ingest.training["propensity"] == FromSplit(
        split={"deals": 0.5, "refill": 0.5}
    )


def test_line_ends_stay_as_they_are(path: Path) -> None:
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    change = added(path, "new")
    change.write()
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") == TEXT.count("\n") + 1
    assert load_use_case(path).recommenders[-1] == "new"


@pytest.mark.parametrize("name", ["newsletter.yaml", "hillstrom.yaml"])
def test_the_shipped_files_can_be_changed(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text((CONFIGS / name).read_text())
    first = load_use_case(path).recommenders[0]
    features = {"looks_at": "prices", "personal": 0.5, "discount": 0.0, "novelty": 1.0}
    changes: list[Change] = []
    for make in (
        lambda: added(path, "brand new", features if name == "newsletter.yaml" else None),
        lambda: retired(path, first),
        lambda: renamed(path, first, "first of all"),
    ):
        changes.append(make())
        changes[-1].write()
    comments = [line for line in (CONFIGS / name).read_text().splitlines() if line.startswith("#")]
    assert [line for line in path.read_text().splitlines() if line.startswith("#")] == comments
    found = load_use_case(path)
    assert found.retired == ("first of all",)
    assert "brand new" in found.offered


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: added(path, "deals"), "recommenders: deals is there already"),
        (lambda path: added(path, "a|b"), "without a bar"),
        (lambda path: added(path, "new", {"cheap": 1}), "has none of the others"),
        (lambda path: retired(path, "dels"), "found 'dels'; allowed: deals, refill, top_rated"),
        (lambda path: renamed(path, "deals", "refill"), "refill is there already"),
        (lambda path: renamed(path, "dels", "new"), "found 'dels'"),
    ],
)
def test_refused(path: Path, make: Callable[[Path], object], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        make(path)
    assert path.read_text() == TEXT


def test_too_few_to_choose_from(path: Path) -> None:
    retired(path, "refill").write()
    with pytest.raises(SettingsError, match=r"retired: leaves .*at least two"):
        retired(path, "top_rated")
    path.write_text(replaced(("[deals, top_rated]", "[deals]")))
    with pytest.raises(SettingsError, match="default_ranking: holds deals alone"):
        retired(path, "deals")


def test_features_that_the_others_have_are_asked_for(path: Path) -> None:
    path.write_text(
        TEXT + "recommender_features: {deals: {cheap: 1}, refill: {cheap: 0}, top_rated: {cheap: 0}}\n"
    )
    with pytest.raises(SettingsError, match=r"recommender_features\.new: found none; allowed: cheap"):
        added(path, "new")
    assert added(path, "new", {"cheap": 0.5}).use_case.recommender_features["new"] == {"cheap": 0.5}


def test_a_layout_that_cannot_be_kept_is_left_to_a_person(path: Path) -> None:
    """The list is written once and meant twice."""
    text = replaced(
        ("  - top_rated   # by stars", "  - top_rated"),
        ("recommenders:   # who may be shown", "recommenders: &all"),
        ("[deals, top_rated]  # the fallback", "*all"),
    )
    path.write_text(text)
    with pytest.raises(SettingsError, match="nothing was written; by hand: add new to recommenders"):
        added(path, "new")
    assert path.read_text() == text


def test_a_file_that_somebody_else_changed_is_not_overwritten(path: Path) -> None:
    change = added(path, "new")
    path.write_text(TEXT + "# mine\n")
    with pytest.raises(SettingsError, match="somebody else changed it"):
        change.write()
    assert path.read_text() == TEXT + "# mine\n"


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    added(link, "new").write()
    assert link.is_symlink()
    assert yaml.safe_load(path.read_text())["recommenders"][-1] == "new"
