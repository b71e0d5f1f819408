"""What is called drift, and what a training does about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.drift_detector.comparing import compare
from components.drift_detector.component import detect
from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Drift, FeatureStatistics, Statistics
from newsletter_bandit.registry.evidence.drift import ValueShare
from newsletter_bandit.settings.drift import DriftBounds
from tests.drift_detector.made import BEFORE, NOW, statistics_file
from tests.tiny import make_use_case

VERSION = "20261102T101500Z-11111111"


def compared(bounds: DriftBounds | None = None, distances: dict[str, float] | None = None) -> Drift:
    given = {"colour": 0.2, "height": 0.01} if distances is None else distances
    return compare(VERSION, BEFORE, NOW, given, bounds or DriftBounds())


def test_each_bound_names_what_moved_beyond_it() -> None:
    found = compared()
    assert found.judged
    assert [one.name for one in found.drifted] == ["member", "colour"]  # the furthest first
    colour, height, weight, member = found.features
    assert [(change.what, change.found) for change in colour.beyond] == [
        ("L-infinity", 0.2),
        ("new values", pytest.approx(0.1)),
    ]
    assert (colour.new, colour.vanished) == ((ValueShare("pink", 0.1),), (ValueShare("blue", 0.05),))
    assert height.beyond == ()
    assert (height.now.low, height.now.median, height.now.high) == (151.0, 155.0, 159.0)
    assert weight.before is None  # the version did not know it
    assert [change.what for change in member.beyond] == ["missing"]
    assert (member.before.missing if member.before else None, member.now.missing) == (0.0, 0.5)
    assert found.words == (
        f"2 of 4 features beyond their bounds since {VERSION} was trained: "
        "member (missing 0.5, allowed 0.05), "
        "colour (L-infinity 0.2, allowed 0.1; new values 0.1, allowed 0.05)"
    )


@pytest.mark.parametrize(
    ("bounds", "drifted"),
    [
        ({"ignored": ("member",)}, ["colour"]),
        ({"max_missing_change": 0.5}, ["colour"]),
        ({"max_categorical_distance": 0.3, "max_new_share": 0.2}, ["member"]),
        ({"max_numeric_distance": 0.005}, ["member", "colour", "height"]),
        ({"judged_from_rows": 1001}, []),
    ],
)
def test_the_settings_bound_what_may_move(bounds: dict[str, Any], drifted: list[str]) -> None:
    assert [one.name for one in compared(DriftBounds(**bounds)).drifted] == drifted


def test_a_value_of_a_cut_list_is_not_called_new() -> None:
    before = FeatureStatistics("values", 0, (("a", 600), ("b", 200)), distinct=40)
    now = FeatureStatistics("values", 0, (("a", 600), ("c", 250), ("d", 150)), distinct=3)
    found = compare(VERSION, Statistics(1000, {"x": before}), Statistics(1000, {"x": now}), {}, DriftBounds())
    # "d" may have had as many rows as "b" has not: it could be among those that are not listed.
    assert [one.value for one in found.features[0].new] == ["c"]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    for found in (compared(), Drift(None, "no model is in production yet", 10)):
        found.write(tmp_path)
        assert Drift.read(tmp_path) == found


@pytest.mark.parametrize(
    ("feature", "change", "found"),
    [
        ("colour", {"values": [["red", "many"]]}, "colour.values is .*list of lists of a text and a finite"),
        ("height", {"buckets": [[1.0, 2.0]]}, "height.buckets is .*; allowed: a list of lists of a finite"),
        ("height", {"kind": "dates"}, "height.kind is 'dates'; allowed: values, numbers"),
    ],
)
def test_damaged_statistics_are_refused(feature: str, change: dict[str, Any], found: str) -> None:
    content = NOW.content()
    content["features"][feature] |= change
    with pytest.raises(DataError, match=f"statistics.json: features.{found}"):
        Statistics.from_json(json.dumps(content))


def published(folder: Path, statistics: Statistics | None) -> Registry:
    registry = Registry(str(folder / "registry"), "tiny")
    (folder / "model").mkdir()
    (folder / "model" / "saved_model.pb").write_text("graph")
    files = {} if statistics is None else {statistics.FILE: statistics.content()}
    registry.publish(VERSION, str(folder / "model"), files)
    return registry


def test_a_first_run_has_nothing_to_compare_with(tmp_path: Path) -> None:
    use_case = make_use_case()
    found = detect(Registry(str(tmp_path), "tiny"), "", NOW, use_case)
    assert found.words == "nothing to compare with: no model is in production yet"
    old = detect(published(tmp_path, None), VERSION, NOW, use_case)
    assert old.words == f"nothing to compare with: {VERSION}, in production, was published without statistics"


@pytest.mark.parametrize("when_beyond", ["report", "stop"])
def test_drift_stops_a_training_only_where_the_settings_say_so(when_beyond: str, tmp_path: Path) -> None:
    from tfx.types import artifact_utils, standard_artifacts
    from tfx.types.experimental import simple_artifacts

    from components.drift_detector.component import Executor

    use_case = make_use_case(drift={"when_beyond": when_beyond})
    published(tmp_path, BEFORE)
    statistics, model = standard_artifacts.ExampleStatistics(), standard_artifacts.Model()
    statistics.uri, statistics.split_names = (
        str(tmp_path / "statistics"),
        artifact_utils.encode_split_names(["train", "eval"]),
    )
    statistics_file(NOW, tmp_path / "statistics" / "Split-train")
    model.set_string_custom_property("version", VERSION)
    drift = simple_artifacts.File()
    drift.uri = str(tmp_path / "drift")
    properties = {"registry": str(tmp_path / "registry"), "use_case": use_case.to_json()}

    def run() -> None:
        Executor().Do(
            {"statistics": [statistics], "production_model": [model]}, {"drift": [drift]}, properties
        )

    if when_beyond == "stop":
        with pytest.raises(DataError, match=r"drift: 2 of 4 features.*member \(missing 0.5.*drift\.ignored"):
            run()
    else:
        run()
    found = Drift.read(tmp_path / "drift")
    assert [one.name for one in found.drifted] == ["member", "colour"]
    assert {one.name: one.distance for one in found.features}["colour"] == pytest.approx(0.2)
    assert Statistics.read(tmp_path / "drift") == NOW
