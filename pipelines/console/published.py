"""The registry as the pages need it: no page reads the evidence of more versions than it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.versions import created_at
from pipelines.console.models import Model, model_of
from pipelines.console.pages import minute
from pipelines.console.past_runs import SIGNED_OFF, Run
from pipelines.console.refusal import no_version
from pipelines.workspace import Workspace


class Published:
    """The published versions of a use case; each method raises `DataError` where what it reads is damaged.

    Args:
      workspace: use case, and environment with the registry.

    Attributes:
      registry: the use case's.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._use_case = workspace.use_case
        self.registry = Registry(workspace.environment.registry, workspace.use_case.name)

    def names(self) -> list[str]:
        """Names of all versions, the newest first."""
        return self.registry.names()[::-1]

    def models(self, names: Sequence[str]) -> list[Model]:
        """The versions of these names."""
        unit = self._use_case.reward.unit
        return [model_of(self.registry.info(name), unit, self._use_case.words) for name in names]

    def required(self, version: str) -> str:
        """The name of a version that is there.

        Raises:
          Refusal: there is none of that name.
        """
        names = self.names()
        if version not in names:
            raise no_version(self._use_case.name, version, names)
        return version

    def model(self, version: str) -> Model:
        """One version; raises as `required` does."""
        return self.models([self.required(version)])[0]

    def pointed_at(self) -> str | None:
        """The version that should be in production, there or not; None if none should."""
        pointer = self.registry.pointer()
        return None if pointer is None else pointer.version

    def current(self) -> Model | None:
        """The version in production; None if there is none, or it is missing."""
        version = self.pointed_at()
        return self.models([version])[0] if version is not None and version in self.names() else None

    def waiting(self) -> list[Model]:
        """The versions that wait for their sign-off, the newest first."""
        return [
            model_of(info, self._use_case.reward.unit, self._use_case.words)
            for info in self.registry.waiting()[::-1]
        ]

    def told(self, runs: Sequence[Run]) -> list[Run]:
        """The runs, each whose version waited for its sign-off with what became of that since.

        One whose version is not here, or damaged, stays as its record has it.
        """
        return [self._told(run) for run in runs]

    def _told(self, run: Run) -> Run:
        if not run.waited or run.version is None:
            return run
        try:
            standing = self.registry.info(run.version).standing
        except DataError:
            return run
        tone, result = SIGNED_OFF.get(standing, (run.tone, run.result))
        return replace(run, tone=tone, result=result)

    def labels(self) -> dict[str, str]:
        """Each version, the newest first, with words to choose it by."""
        now = self.pointed_at()
        return {
            name: f"{minute(created_at(name))}{' (in production)' if name == now else ''} · {name[-8:]}"
            for name in self.names()
        }
