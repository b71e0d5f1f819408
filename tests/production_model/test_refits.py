"""A refit in production: trainings take the model that was judged before it, unless their window is new."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.registry import Registry, model_digest, new_version
from newsletter_bandit.registry.evidence import Refitted
from tests.evidence_records import metrics, published, verdict
from tests.tiny import make_use_case

# Windows of four weeks, each a week over the one before: from 1 January, from 22 January, ...
USE_CASE = make_use_case(window={"weeks": 4, "overlap_weeks": 1, "anchor": "2024-01-01"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A registry whose version has learned from held-out rows up to the last week of the first window."""
    sources = []
    for name in ("refit", "judged"):
        sources.append(tmp_path / name)
        sources[-1].mkdir()
        (sources[-1] / "saved_model.pb").write_text(name)
    registry = Registry(str(tmp_path / "registry"), "tiny")
    evidence = published(metrics(), verdict())
    refitted = Refitted("taken", "", held_out_until="2024-01-22")
    files = {**evidence, Refitted.FILE: refitted.content()}
    version = new_version(dt.datetime(2026, 11, 23, tzinfo=dt.UTC), model_digest(str(sources[0])))
    registry.publish(version, str(sources[0]), files, judged_dir=str(sources[1]))
    registry.set_current(version)
    return tmp_path


def looked_up(root: Path, run_date: str | None) -> Path:
    """Folder of ProductionModel's artifact in a run of that day; None of a run that knows no window."""
    from tfx.types import standard_artifacts

    from components.production_model.component import Executor

    model, inputs = standard_artifacts.Model(), {}
    model.uri = str(root / f"artifact-{run_date}")
    properties: dict[str, Any] = {"registry": str(root / "registry"), "use_case_name": "tiny"}
    if run_date is not None:
        examples = standard_artifacts.Examples()
        examples.set_string_custom_property("run_date", run_date)
        inputs["examples"] = [examples]
        properties["use_case"] = USE_CASE.to_json()
    Executor().Do(inputs, {"model": [model]}, properties)
    assert (Path(model.uri) / "Format-Serving" / "saved_model.pb").read_text() == "refit"
    return Path(model.uri)


@pytest.mark.parametrize(
    ("run_date", "taken"),
    [("2024-02-05", "judged"), ("2024-02-26", "refit"), (None, "judged")],
    ids=["its own window", "the next window", "a use case without refits"],
)
def test_the_judged_model_stands_in_for_a_refit_that_has_seen_the_window(
    root: Path, run_date: str | None, taken: str
) -> None:
    from components.production_model.published import for_training

    folder = for_training(str(looked_up(root, run_date)))
    assert (Path(folder) / "saved_model.pb").read_text() == taken
