"""The step inside TFX: the file that the Trainer reads, from the settings and from what a search found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx.types import standard_artifacts

from components.hyperparameters_gen.component import Executor, HyperparametersGen
from components.hyperparameters_gen.hyperparameters import (
    FILE_NAME,
    joined,
    merged,
    without_hyperparameters,
)
from tests.tiny import make_use_case


def emitted(step: HyperparametersGen, folder: Path) -> dict[str, Any]:
    """The executor's file, written from the properties that the component passes to it."""
    artifact = standard_artifacts.HyperParameters()
    artifact.uri = str(folder)
    Executor().Do({}, {"hyperparameters": [artifact]}, dict(step.exec_properties))
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    content: dict[str, Any] = json.loads((folder / FILE_NAME).read_text())
    return content


def test_without_a_search_the_settings_own_are_emitted(tmp_path: Path) -> None:
    use_case = make_use_case()
    values = emitted(HyperparametersGen(use_case=use_case), tmp_path)
    assert joined(without_hyperparameters(use_case), values) == use_case


def test_what_a_search_found_is_emitted(tmp_path: Path) -> None:
    use_case = make_use_case()
    found = merged(use_case, {"agent.learning_rate": 0.02, "agent.hidden_layers": [8, 4]})
    values = emitted(HyperparametersGen(use_case=found), tmp_path)
    assert (values["agent"]["learning_rate"], values["agent"]["hidden_layers"]) == (0.02, [8, 4])
    assert joined(without_hyperparameters(use_case), values) == found
