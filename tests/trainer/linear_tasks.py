"""The task of a linear agent over the prepared rows."""

from __future__ import annotations

from typing import Any

from newsletter_bandit.settings.agents import PropensityWeighting
from tests.tiny import Prepared


def make_task(prepared: Prepared, agent: Any, weighted: bool) -> Any:
    """``agent`` is its settings; ``weighted`` weights rows by their propensity."""
    import tensorflow_transform as tft

    from components.trainer.agents.task import Task
    from components.trainer.data import FileData
    from components.trainer.warm_start import Names
    from components.transform.layout import Layout, vocabulary_sizes

    use_case = prepared.use_case.model_copy(update={"agent": agent})
    layout = Layout.of(use_case)
    output = tft.TFTransformOutput(prepared.transform_output)
    data = FileData(
        prepared.files,
        layout,
        vocabulary_sizes(use_case, output),
        PropensityWeighting(enabled=weighted, clip=5.0),
    )
    return Task(use_case, data, Names.of(use_case, output), lambda *_: None)
