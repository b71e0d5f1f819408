"""The registry as the pages need it."""

from __future__ import annotations

from newsletter_bandit.registry import Registry
from pipelines.console.models import Model, models
from pipelines.console.refusal import no_version
from pipelines.workspace import Workspace


class Published:
    """The published versions of a use case.

    Args:
      workspace: use case, and environment with the registry.

    Attributes:
      registry: the use case's.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._use_case = workspace.use_case
        self.registry = Registry(workspace.environment.registry, workspace.use_case.name)

    def models(self) -> list[Model]:
        """All versions, the newest first; raises as `Registry.versions` does."""
        return models(self.registry.versions(), self._use_case.reward.click)

    def named(self, version: str, found: list[Model]) -> Model:
        """The version of that name.

        Raises:
          Refusal: there is none.
        """
        for model in found:
            if model.version == version:
                return model
        raise no_version(self._use_case.name, version, [model.version for model in found])


def current(found: list[Model]) -> Model | None:
    """The version in production; None if there is none."""
    return next((model for model in found if model.is_current), None)
