"""The hyperparameters: the sections of a use case that HyperparametersGen emits and the Trainer reads.

They reach the Trainer as an artifact and by no other way: the use case that it is told besides leaves them
out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.faults import refusal
from newsletter_bandit.settings.use_case import UseCase

# The only file of the artifact, named as TFX's Tuner names it: TFX's Trainer reads the one file that it
# finds.
FILE_NAME = "best_hyperparameters.txt"

SECTIONS = AGENT, WEIGHTING, EXPLORATION = "agent", "propensity_weighting", "exploration"


def hyperparameters(use_case: UseCase) -> dict[str, Any]:
    """The hyperparameters of the use case as a JSON-able dictionary, by section."""
    return use_case.model_dump(mode="json", include=set(SECTIONS))


def without_hyperparameters(use_case: UseCase) -> str:
    """The rest of the use case, as JSON."""
    return use_case.model_dump_json(exclude=set(SECTIONS))


def joined(rest: str, values: Mapping[str, Any]) -> UseCase:
    """The use case of which ``values`` are the `hyperparameters` and ``rest`` is what
    `without_hyperparameters` gave.

    Raises:
      SettingsError: a section or key is unknown or missing, or a value is out of range.
    """
    if set(values) != set(SECTIONS):
        raise SettingsError(
            f"hyperparameters: found {', '.join(values) or 'none'}; allowed: {', '.join(SECTIONS)}, each of "
            "them"
        )
    try:
        return UseCase.model_validate({**json.loads(rest), **values})
    except ValidationError as error:
        raise refusal("hyperparameters", error, UseCase) from error


def merged(use_case: UseCase, values: Mapping[str, Any]) -> UseCase:
    """The use case with ``values`` in the place of its own.

    Args:
      use_case: whatever is not named stays as it is here.
      values: by path, such as `agent.learning_rate`.

    Raises:
      SettingsError: a path is no hyperparameter of the use case, or a value is out of range.
    """
    if not values:
        return use_case
    changed = hyperparameters(use_case)
    for path, value in values.items():
        section, _, key = path.partition(".")
        if section not in SECTIONS or not key:
            raise SettingsError(
                f"hyperparameters: found {path}; allowed: SECTION.KEY with one of the sections "
                f"{', '.join(SECTIONS)}"
            )
        changed[section][key] = value
    return joined(without_hyperparameters(use_case), changed)


def to_json(values: Mapping[str, Any]) -> str:
    """Content of `FILE_NAME`."""
    return json.dumps(values, indent=2, allow_nan=False) + "\n"
