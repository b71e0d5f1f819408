"""Recommenders' names in what Vertex AI gets: whatever can be printed arrives as it is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.settings.use_case import UseCase
from pipelines.cloud.compiling import compiled
from pipelines.names import Pipeline
from tests.cloud.workspaces import workspace

NAMES = ["Für dich – 50% off", 'a "quote", it\'s \\n {x}', "$(date)", "[red]"]


def texts(spec: Any) -> Iterator[str]:
    """Every text of the specification."""
    if isinstance(spec, str):
        yield spec
    elif isinstance(spec, dict):
        for value in spec.values():
            yield from texts(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from texts(value)


@pytest.mark.parametrize("pipeline", list(Pipeline))
def test_each_step_is_told_the_names_as_they_are(pipeline: Pipeline, tmp_path: Path) -> None:
    made = workspace(tmp_path)
    named = {"recommenders": NAMES, "default_ranking": NAMES[:1], "recommender_features": {}}
    use_case = UseCase.model_validate({**made.use_case.model_dump(), **named})
    # As the API takes it.
    spec = json.loads(json.dumps(compiled(dataclasses.replace(made, use_case=use_case), pipeline)))
    told = [json.loads(text) for text in texts(spec) if text.startswith("{") and '"recommenders"' in text]
    found = [settings["recommenders"] for settings in told if "recommenders" in settings]
    assert found
    assert all(names == NAMES for names in found)
