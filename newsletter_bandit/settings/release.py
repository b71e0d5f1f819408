"""Which code an image holds, and which code a compiled pipeline needs: the package's version and a digest of
the settings that travel in a specification.

    0.1.0+3f2a9c41d07b

A specification is compiled on one machine and runs in an image that was built on another, perhaps months ago.
Each step of it is told the release that compiled it, and ends at once in an image that holds an older one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from pydantic import BaseModel

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse, DatastoreStore
from newsletter_bandit.settings.use_case import UseCase

_PACKAGE = "newsletter-bandit"
_FORM = re.compile(r"(\d+(?:\.\d+)*)\+([0-9a-f]{12})")
# What a specification carries as JSON and a step reads.
_TRAVELLING: tuple[type[BaseModel], ...] = (UseCase, BigQueryWarehouse, DatastoreStore)
# Parts of a JSON schema that say nothing of what a step must understand. A specification names every value,
# so a default is one of them.
_SILENT = frozenset({"title", "description", "default", "examples"})


@dataclass(frozen=True)
class Release:
    """A release of this project.

    Attributes:
      version: of the package, numbers with dots.
      settings: twelve hexadecimal digits; see `settings_schema`.
    """

    version: str
    settings: str

    @classmethod
    def of(cls, text: str) -> Release:
        """The release that a text names, as `str` writes it.

        Raises:
          SettingsError: the text has another form.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise SettingsError(
                f"release: found {text[:80]!r}; allowed: VERSION+SETTINGS, such as 0.1.0+3f2a9c41d07b"
            )
        return cls(*found.groups())

    @classmethod
    def installed(cls) -> Release:
        """The release of the code that runs."""
        return cls(metadata.version(_PACKAGE), settings_schema(_TRAVELLING))

    def require(self, needed: Release) -> None:
        """Makes sure that this release can run what ``needed`` has compiled.

        A later version can, and so can the same version with the same settings.

        Raises:
          SettingsError: this release is older, or has other settings.
        """
        mine, wanted = _numbers(self.version), _numbers(needed.version)
        if mine > wanted or (mine == wanted and self.settings == needed.settings):
            return
        raise SettingsError(
            f"this step's image holds {_PACKAGE} {self}, and the pipeline was compiled by {needed}; needed: "
            f"an image of {needed}, or of a later version: build it from the commit that compiled the "
            "pipeline, name it in the environment (vertex.image) and compile again"
        )

    def __str__(self) -> str:
        return f"{self.version}+{self.settings}"


def settings_schema(models: Sequence[type[BaseModel]]) -> str:
    """Twelve hexadecimal digits that change with the names, types and bounds of settings.

    They do not change with a docstring or a default.
    """
    schemas = [_telling(model.model_json_schema()) for model in models]
    return hashlib.sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:12]


def _telling(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_telling(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            # Its keys are names, whatever they are.
            kept[key] = {name: _telling(part) for name, part in value.items()}
        elif key not in _SILENT:
            kept[key] = _telling(value)
    return kept


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
