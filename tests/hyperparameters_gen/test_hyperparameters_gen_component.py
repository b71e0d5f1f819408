"""The step inside TFX: the file that the Trainer reads, from the settings and from what a search found."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.hyperparameters_gen.component import Executor, HyperparametersGen
from components.hyperparameters_gen.hyperparameters import FILE_NAME, parse
from components.hyperparameters_gen.tuned_set import Found, TunedSet
from newsletter_bandit.errors import SettingsError
from tests.tiny import make_use_case

FOUND = Found(
    value=0.2,
    standard_error=0.01,
    gain=0.05,
    gain_low=0.02,
    gain_high=0.08,
    confidence=0.95,
    is_better=True,
    trial=3,
    trials=8,
    rows=1000,
    window=(dt.date(2026, 10, 12), dt.date(2026, 11, 9)),
    settings="0123456789ab",
    finished_at=dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
)


def tuned(values: Mapping[str, Any]) -> TunedSet:
    return TunedSet(use_case="tiny", agent="neural_epsilon_greedy", values=dict(values), found=FOUND)


def emitted(step: HyperparametersGen, folder: Path) -> dict[str, Any]:
    """What the executor writes, given what the component hands over."""
    artifact = standard_artifacts.HyperParameters()
    artifact.uri = str(folder)
    Executor().Do({}, {"hyperparameters": [artifact]}, dict(step.exec_properties))
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    content: dict[str, Any] = json.loads((folder / FILE_NAME).read_text())
    return content


def test_without_a_search_the_settings_own_are_emitted(tmp_path: Path) -> None:
    use_case = make_use_case()
    typed = parse(emitted(HyperparametersGen(use_case=use_case), tmp_path))
    assert typed.agent == use_case.agent
    assert typed.propensity_weighting == use_case.propensity_weighting


def test_what_a_search_found_is_emitted(tmp_path: Path) -> None:
    use_case = make_use_case()
    step = HyperparametersGen(
        use_case=use_case,
        tuned=tuned(
            {"agent.learning_rate": 0.02, "agent.hidden_layers": [8, 4], "propensity_weighting.clip": 3.0}
        ),
    )
    typed = parse(emitted(step, tmp_path))
    assert typed.agent == use_case.agent.model_copy(update={"learning_rate": 0.02, "hidden_layers": (8, 4)})
    assert typed.propensity_weighting.clip == 3.0
    assert typed.exploration == use_case.exploration
    # What is kept beside the model are the settings that it was trained with.
    assert step.use_case.agent == typed.agent
    assert step.use_case.name == use_case.name


def test_an_override_goes_before_what_a_search_found(tmp_path: Path) -> None:
    step = HyperparametersGen(
        use_case=make_use_case(),
        tuned=tuned({"agent.learning_rate": 0.02, "agent.epochs": 3}),
        overrides={"agent": {"epochs": 5}},
    )
    agent = emitted(step, tmp_path)["agent"]
    assert (agent["learning_rate"], agent["epochs"]) == (0.02, 5)


def test_a_value_out_of_range_is_refused_before_the_run() -> None:
    with pytest.raises(SettingsError, match="learning_rate"):
        HyperparametersGen(use_case=make_use_case(), tuned=tuned({"agent.learning_rate": 2.0}))
