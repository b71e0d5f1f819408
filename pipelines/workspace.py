"""A use case and where it runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import Environment
from newsletter_bandit.settings.use_case import UseCase


@dataclass(frozen=True)
class Workspace:
    """A use case and where it runs; the environment's paths are already placed in the work folder.

    Attributes:
      use_case: what is decided.
      use_case_path: file that it was read from.
      environment: where it runs.
      workdir: work folder.
      options: options that name file, environment and folder on the command line, such as "--workdir shop";
        "" where all are the defaults, None where no command line named them.
    """

    use_case: UseCase
    use_case_path: Path
    environment: Environment
    workdir: Path
    options: str | None = None

    @property
    def schema_file(self) -> Path:
        """The curated schema beside the use case's settings."""
        return self.use_case_path.parent / "schemas" / f"{self.use_case.name}.pbtxt"

    @property
    def world_file(self) -> Path:
        """The world that the simulator plays, beside the use case's settings."""
        return self.use_case_path.parent / "worlds" / f"{self.use_case.name}.yaml"

    @property
    def tuned_file(self) -> Path:
        """File into which `newsletter-bandit tune` writes its best set, and which training reads."""
        return self.workdir / "hyperparameters" / f"{self.use_case.name}.json"

    def require_schema_file(self) -> Path:
        """Absolute path of the schema.

        Raises:
          SettingsError: there is none.
        """
        if not self.schema_file.is_file():
            raise SettingsError(
                f"{self.schema_file}: no such file; write the curated schema from your data with "
                f"`newsletter-bandit schema --use-case {shlex.quote(str(self.use_case_path))} --workdir "
                f"{shlex.quote(str(self.workdir))}` and review it"
            )
        return self.schema_file.absolute()
