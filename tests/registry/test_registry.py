"""Publishing, moving the pointer, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry, model_digest, new_version
from newsletter_bandit.registry.pointer import Pointer
from tests.evidence_records import decision, metrics, model_figures, published, verdict

FIRST = "20261123T101500Z-1a2b3c4d"
SECOND = "20261130T101500Z-0a2b3c4d"
THIRD = "20261207T101500Z-2a2b3c4d"
EVIDENCE = published(metrics(candidate=model_figures(cost=None)), verdict(), decision())


@pytest.fixture
def model(tmp_path: Path) -> str:
    return make_model(tmp_path / "source", "graph")


def make_model(folder: Path, content: str) -> str:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_bytes(b"\0\1")
    return str(folder)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_published_version_holds_model_and_evidence_and_is_not_in_production(
    tmp_path: Path, model: str
) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    assert registry.versions() == []
    assert registry.current() is None
    registry.publish(FIRST, model, EVIDENCE)
    folder = tmp_path / "registry" / "tiny" / FIRST
    assert files_below(folder) == {
        "model/Format-Serving/saved_model.pb",
        "model/Format-Serving/variables/variables.index",
        "metrics.json",
        "verdict.json",
        "decision.json",
        "manifest.json",
    }
    assert (folder / "model/Format-Serving/variables/variables.index").read_bytes() == b"\0\1"
    assert json.loads((folder / "metrics.json").read_text()) == EVIDENCE["metrics.json"]
    assert registry.current() is None


def test_the_judged_model_lies_beside_a_refit(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    judged = make_model(tmp_path / "judged", "judged graph")
    registry.publish(FIRST, model, EVIDENCE, judged_dir=judged)
    registry.publish(SECOND, model, EVIDENCE)
    folder = registry.judged_model_uri(FIRST)
    assert folder == str(tmp_path / "registry" / "tiny" / FIRST / "judged_model")
    assert (Path(folder) / "Format-Serving" / "saved_model.pb").read_text() == "judged graph"
    assert registry.judged_model_uri(SECOND) is None
    # It is part of what never changes.
    registry.publish(FIRST, model, EVIDENCE, judged_dir=judged)
    with pytest.raises(DataError, match="exists with another content"):
        registry.publish(FIRST, model, EVIDENCE)


def test_a_report_is_read_as_it_was_written(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    registry.publish(FIRST, model, EVIDENCE)
    assert registry.report(FIRST) is None
    registry.add_report(FIRST, "<p>Käse")
    assert registry.report(FIRST) == "<p>Käse".encode()
    with pytest.raises(DataError, match=f"no version {SECOND}"):
        registry.report(SECOND)


def test_a_report_is_no_part_of_what_never_changes(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(FIRST, model, {**EVIDENCE, "use_case.json": {"name": "tiny"}})
    for page in ("<p>old</p>", "<p>new</p>"):
        registry.add_report(FIRST, page)
    assert (tmp_path / "tiny" / FIRST / "report.html").read_text() == "<p>new</p>"
    registry.publish(FIRST, model, {**EVIDENCE, "use_case.json": {"name": "tiny"}})
    assert registry.info(FIRST) == registry.versions()[0]
    assert json.loads(registry.use_case(FIRST)) == {"name": "tiny"}
    for ask in (registry.info, registry.use_case, lambda version: registry.add_report(version, "")):
        with pytest.raises(DataError, match=f"no version {SECOND}; available: {FIRST}"):
            ask(SECOND)


def test_the_pointer_moves_forth_and_back(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    for version in (FIRST, SECOND):
        registry.publish(version, model, EVIDENCE)
        registry.set_current(version)
        assert registry.require_current() == version
        assert registry.current_model_uri() == str(tmp_path / "tiny" / version / "model")
    assert json.loads((tmp_path / "tiny" / "CURRENT").read_text()) == {"version": SECOND}
    assert registry.rollback() == FIRST
    assert registry.current() == FIRST
    assert registry.rollback(SECOND) == SECOND
    assert registry.current() == SECOND


def test_the_reference_is_what_was_in_production_so_long_ago(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    for version in (FIRST, SECOND, THIRD):
        registry.publish(version, model, EVIDENCE)

    def looked_back(days: int, version: str = THIRD) -> str | None:
        now = dt.datetime(2026, 12, 8, 10, 15, tzinfo=dt.UTC)
        return registry.looked_back(version, dt.timedelta(days=days), now)

    # The newest that is old enough, to the second; the oldest while none is.
    assert {days: looked_back(days) for days in (8, 9, 15, 365)} == {
        8: SECOND,
        9: FIRST,
        15: FIRST,
        365: FIRST,
    }
    # Production itself is no reference, nor is what is newer than it.
    assert looked_back(1) is None
    assert looked_back(1, version=FIRST) is None
    assert looked_back(1, version=SECOND) is None
    assert looked_back(365, version=SECOND) == FIRST
    # A version that never got into production is none either, whatever else may stand in.
    registry.set_current(FIRST)
    assert registry.place(SECOND, THIRD).outcome == "superseded"
    assert looked_back(8) == FIRST
    assert registry.place(FIRST, None).placed


def test_a_rollback_during_a_training_stands(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    for version in (FIRST, SECOND, THIRD):
        registry.publish(version, model, EVIDENCE)
    assert registry.place(FIRST, None).placed
    assert registry.place(SECOND, FIRST).placed
    # While THIRD, which is compared with SECOND, is trained, somebody goes back.
    registry.rollback(FIRST)
    placement = registry.place(THIRD, SECOND)
    assert (placement.outcome, placement.found) == ("superseded", FIRST)
    assert placement.reason == f"compared with {SECOND}, but {FIRST} is in production now"
    assert registry.current() == FIRST
    first, second, third = registry.versions()
    assert (first.is_current, first.is_pinned) == (True, True)
    assert (second.placement, third.placement) == (None, placement)


def test_a_second_training_does_not_displace_a_model_that_it_never_saw(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    for version in (FIRST, SECOND):
        registry.publish(version, model, EVIDENCE)
    # Both were compared with the logging policy, as nothing was in production.
    assert registry.place(FIRST, None).placed
    assert registry.place(SECOND, None).outcome == "superseded"
    assert registry.current() == FIRST
    # A retried step finds what it did.
    assert registry.place(FIRST, None).placed
    # Judged again, now against what is there, it may go.
    assert registry.place(SECOND, FIRST).placed
    assert registry.current() == SECOND
    assert [info.placement and info.placement.placed for info in registry.versions()] == [None, True]


def test_nothing_is_placed_over_a_pin(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    for version in (FIRST, SECOND, THIRD):
        registry.publish(version, model, EVIDENCE)
    registry.set_current(SECOND)
    registry.rollback(FIRST)
    assert json.loads((tmp_path / "tiny" / "CURRENT").read_text()) == {"version": FIRST, "pinned": True}
    assert registry.place(SECOND, FIRST).outcome == "pinned"
    assert registry.current() == FIRST
    assert registry.unpin() == FIRST
    assert registry.place(THIRD, FIRST).placed
    # What was kept out is not what one goes back to.
    assert registry.rollback() == FIRST
    assert registry.pin() == FIRST
    assert registry.unpin() == FIRST
    assert registry.versions()[0].is_pinned is False


def test_who_saw_another_version_in_production_changes_nothing(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    for version in (FIRST, SECOND, THIRD):
        registry.publish(version, model, EVIDENCE)
    with pytest.raises(DataError, match=f"it was {FIRST}, and is nothing; look again"):
        registry.rollback(SECOND, seen=FIRST)
    registry.set_current(SECOND)
    for act in (registry.pin, registry.unpin, lambda seen: registry.rollback(THIRD, seen)):
        with pytest.raises(DataError, match=f"it was {FIRST}, and is {SECOND}; look again"):
            act(FIRST)
        assert registry.pointer() == Pointer(SECOND)
    assert registry.pin(seen=SECOND) == registry.unpin(seen=SECOND) == SECOND
    assert registry.rollback(FIRST, seen=SECOND) == FIRST
    assert registry.pointer() == Pointer(FIRST, pinned=True)


def test_versions_are_listed_oldest_first_with_their_evidence(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(SECOND, model, {})
    registry.publish(FIRST, model, EVIDENCE)
    registry.set_current(FIRST)
    first, second = registry.versions()
    assert (first.version, first.is_current) == (FIRST, True)
    assert first.created == dt.datetime(2026, 11, 23, 10, 15, tzinfo=dt.UTC)
    assert (first.verdict, first.decision) == (verdict(), decision())
    assert first.metrics == metrics(candidate=model_figures(cost=None))
    assert (second.version, second.is_current) == (SECOND, False)
    assert (second.verdict, second.decision, second.metrics) == (None, None, None)


def test_publishing_the_same_again_changes_nothing(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(FIRST, model, EVIDENCE)
    written = (tmp_path / "tiny" / FIRST).stat().st_mtime_ns
    registry.publish(FIRST, model, EVIDENCE)
    assert (tmp_path / "tiny" / FIRST).stat().st_mtime_ns == written
    assert len(registry.versions()) == 1


def test_use_cases_do_not_see_each_other(tmp_path: Path, model: str) -> None:
    Registry(str(tmp_path), "tiny").publish(FIRST, model, EVIDENCE)
    assert Registry(str(tmp_path), "other").versions() == []


def test_a_folder_without_manifest_is_no_version_and_is_replaced(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    half = tmp_path / "tiny" / FIRST
    half.mkdir(parents=True)
    (half / "stray").write_text("half")
    assert registry.versions() == []
    with pytest.raises(DataError, match="no version"):
        registry.set_current(FIRST)
    registry.publish(FIRST, model, {})
    assert "stray" not in files_below(half)
    assert [info.version for info in registry.versions()] == [FIRST]


def test_a_model_is_found_by_its_whole_digest(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    digest = model_digest(model)
    version = new_version(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), digest)
    assert registry.find(digest) is None
    registry.publish(version, model, EVIDENCE)
    assert registry.find(digest) == version
    assert registry.find(digest[:8] + "0" * 56) is None


def test_a_failed_publish_leaves_nothing_behind(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    (Path(model) / "variables" / "link").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        registry.publish(FIRST, model, EVIDENCE)
    with pytest.raises(ValueError, match="JSON"):
        registry.publish(FIRST, model, {"metrics.json": {"overall": math.nan}})
    assert files_below(tmp_path / "registry") <= {"tiny/.lock"}


# --- refusals ---------------------------------------------------------------------------------------------


def test_another_content_under_a_published_name_is_refused(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    registry.publish(FIRST, model, EVIDENCE)
    with pytest.raises(DataError, match="another content"):
        registry.publish(FIRST, make_model(tmp_path / "other", "other graph"), EVIDENCE)
    with pytest.raises(DataError, match="another content"):
        registry.publish(FIRST, model, {**EVIDENCE, **published(decision("eval_policy", 0.0))})
    target = tmp_path / "registry" / "tiny" / FIRST
    assert (target / "model" / "Format-Serving" / "saved_model.pb").read_text() == "graph"


@pytest.mark.parametrize(
    "name", ["", "latest", "../../etc", "20261123T101500Z-1a2b3c4", "20261323T101500Z-1a2b3c4d"]
)
def test_a_name_of_no_version_is_refused(tmp_path: Path, model: str, name: str) -> None:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    for act in (lambda: registry.publish(name, model, {}), lambda: registry.set_current(name)):
        with pytest.raises(DataError, match="is not a version's name"):
            act()


def test_an_unknown_version_is_refused_with_the_known_ones(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(FIRST, model, {})
    registry.set_current(FIRST)
    with pytest.raises(DataError, match=f"no version {SECOND}; available: {FIRST}"):
        registry.rollback(SECOND)
    with pytest.raises(DataError, match=f"no version before {FIRST}"):
        registry.rollback()
    assert registry.current() == FIRST


def test_a_folder_without_saved_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no saved_model\.pb"):
        Registry(str(tmp_path), "tiny").publish(FIRST, str(tmp_path), {})


def test_nothing_in_production_is_said_where_a_version_is_required(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    with pytest.raises(DataError, match="nothing is in production; available: none"):
        registry.require_current()
    registry.publish(FIRST, model, {})
    with pytest.raises(DataError, match=f"nothing is in production; available: {FIRST}"):
        registry.current_model_uri()
    for act in (registry.pin, registry.unpin):
        with pytest.raises(DataError, match=f"nothing is in production; available: {FIRST}"):
            act()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": 3}',
        '{"version": "../x"}',
        f'{{"version": "{FIRST}", "pinned": 1}}',
        "\ufffe\0",
    ],
)
def test_a_damaged_pointer_is_named_and_rolling_back_mends_it(tmp_path: Path, model: str, text: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(FIRST, model, {})
    pointer = tmp_path / "tiny" / "CURRENT"
    pointer.write_text(text)
    for act in (registry.current, registry.require_current, registry.versions):
        with pytest.raises(DataError, match="CURRENT"):
            act()
    registry.rollback(FIRST)
    assert registry.current() == FIRST


def test_a_pointer_that_is_not_text_is_named(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(FIRST, model, {})
    (tmp_path / "tiny" / "CURRENT").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataError, match="not JSON"):
        registry.current()


def test_a_pointer_at_a_missing_version_is_refused(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(FIRST, model, {})
    (tmp_path / "tiny" / "CURRENT").write_text(json.dumps({"version": SECOND}))
    with pytest.raises(DataError, match=f"points at {SECOND}, which is missing; available: {FIRST}"):
        registry.current()


def test_damaged_evidence_is_named(tmp_path: Path, model: str) -> None:
    registry = Registry(str(tmp_path), "tiny")
    registry.publish(FIRST, model, EVIDENCE)
    (tmp_path / "tiny" / FIRST / "metrics.json").write_text("{")
    with pytest.raises(DataError, match=r"metrics\.json: not JSON"):
        registry.versions()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        ("model/Format-Serving/saved_model.pb", _flip, "changed"),
        ("model/Format-Serving/variables/variables.index", _cut, "changed"),
        ("model/Format-Serving/variables/variables.index", Path.unlink, "missing"),
        ("model/Format-Serving/assets/terms", Path.touch, "added"),
        ("metrics.json", _flip, "changed"),
        ("metrics.json", Path.unlink, "missing"),
    ],
)
def test_a_version_that_is_not_what_was_published_is_refused_by_file(
    tmp_path: Path, model: str, name: str, harm: Callable[[Path], None], words: str
) -> None:
    registry, version = published_intact(tmp_path, model)
    copy = make_model(tmp_path / "copy" / "Format-Serving", "graph")
    registry.require_intact(version)
    registry.require_intact(version, str(Path(copy).parent))
    path = tmp_path / "registry" / "tiny" / version / name
    path.parent.mkdir(exist_ok=True)
    harm(path)
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}: {words} since the version was published"):
        registry.require_intact(version)
    if name.startswith("model/"):
        with pytest.raises(DataError, match=f"{words}.*; bring the version's folder back from a copy"):
            registry.rollback(version)
        assert registry.current() is None


def test_a_copy_that_is_not_what_was_published_is_refused(tmp_path: Path, model: str) -> None:
    registry, version = published_intact(tmp_path, model)
    copy = Path(make_model(tmp_path / "copy" / "Format-Serving", "grape"))
    with pytest.raises(DataError, match=rf"{re.escape(str(copy / 'saved_model.pb'))}: changed"):
        registry.require_intact(version, str(copy.parent))


def test_a_manifest_of_an_earlier_release_names_the_folder(tmp_path: Path, model: str) -> None:
    registry, version = published_intact(tmp_path, model)
    path = tmp_path / "registry" / "tiny" / version / "manifest.json"
    content = json.loads(path.read_text())
    del content["model_files"]
    path.write_text(json.dumps(content))
    registry.require_intact(version)
    registry.publish(version, model, EVIDENCE)
    _flip(path.parent / "model" / "Format-Serving" / "saved_model.pb")
    with pytest.raises(DataError, match=r"Format-Serving: is not the model that was published"):
        registry.require_intact(version)


def test_another_versions_folder_is_no_stand_in(tmp_path: Path, model: str) -> None:
    registry, version = published_intact(tmp_path, model)
    other = make_model(tmp_path / "other", "other graph")
    another = new_version(dt.datetime(2026, 1, 2, tzinfo=dt.UTC), model_digest(other))
    registry.publish(another, other, EVIDENCE)
    folder = tmp_path / "registry" / "tiny"
    shutil.rmtree(folder / version)
    shutil.copytree(folder / another, folder / version)
    with pytest.raises(DataError, match=r"manifest\.json: is of another version"):
        registry.require_intact(version)


def published_intact(tmp_path: Path, model: str) -> tuple[Registry, str]:
    registry = Registry(str(tmp_path / "registry"), "tiny")
    version = new_version(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), model_digest(model))
    registry.publish(version, model, EVIDENCE)
    return registry, version


# --- names and digests --------------------------------------------------------------------------------------


def test_a_name_states_time_in_utc_and_digest() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    assert new_version(dt.datetime(2026, 11, 23, 12, 15, tzinfo=zone), "1a2b3c4dffff") == FIRST
    with pytest.raises(ValueError, match="zone"):
        new_version(dt.datetime(2026, 11, 23), "1a2b3c4d")


SECONDS = st.integers(min_value=0, max_value=9_999_999_999)


@given(SECONDS, SECONDS)
def test_names_sort_as_their_times(one: int, other: int) -> None:
    names = [new_version(dt.datetime.fromtimestamp(t, dt.UTC), "0" * 8) for t in (one, other)]
    assert (names[0] < names[1]) == (one < other)


def test_the_digest_sees_contents_and_names_but_not_where_the_folder_lies(tmp_path: Path) -> None:
    one = make_model(tmp_path / "one", "graph")
    same = make_model(tmp_path / "elsewhere" / "same", "graph")
    other = make_model(tmp_path / "other", "graphs")
    renamed = make_model(tmp_path / "renamed", "graph")
    (Path(renamed) / "variables" / "variables.index").rename(Path(renamed) / "variables" / "index")
    digests = [model_digest(folder) for folder in (one, same, other, renamed)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
