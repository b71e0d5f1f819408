"""A workspace of the shipped newsletter in one of the shipped environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from newsletter_bandit.settings.reading import load_environment, load_use_case
from pipelines.workspace import Workspace

CONFIGS = Path(__file__).parents[2] / "configs"


def workspace(workdir: Path, environment: str = "vertex", **changes: Any) -> Workspace:
    """``environment`` is the name of its file, ``changes`` replace some of its settings."""
    path = CONFIGS / "newsletter.yaml"
    settings = load_environment(CONFIGS / "environments" / f"{environment}.yaml")
    settings = settings.model_validate(settings.model_dump() | changes)
    use_case = load_use_case(path)
    return Workspace(use_case, path, settings.in_workdir(workdir, use_case), workdir)
