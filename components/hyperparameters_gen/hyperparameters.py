"""The dictionary of hyperparameters that HyperparametersGen emits and the Trainer reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.agents import Agent, Exploration, PropensityWeighting
from newsletter_bandit.settings.use_case import UseCase

# The only file of the artifact, named as TFX's Tuner names it: TFX's Trainer reads the one file that it finds.
FILE_NAME = "best_hyperparameters.txt"


class Hyperparameters(BaseModel):
    """The typed hyperparameters of the Trainer: agent with sizes and rates, weighting and exploration.

    Attributes:
      reward_bounds: smallest and largest reward; they follow from the use case.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: Agent
    propensity_weighting: PropensityWeighting
    exploration: Exploration
    reward_bounds: tuple[float, float]


def hyperparameters(use_case: UseCase, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The hyperparameters of the use case as a JSON-able dictionary.

    Args:
      use_case: where they come from.
      overrides: values that differ from the use case's, by section: `{"agent": {"learning_rate": 0.01}}`.
        An agent of another type takes nothing over from the use case's.

    Raises:
      SettingsError: an override's section or key is unknown, or its value is out of range.
    """
    sections: dict[str, BaseModel] = {
        "agent": use_case.agent,
        "propensity_weighting": use_case.propensity_weighting,
        "exploration": use_case.exploration,
    }
    values: dict[str, Any] = {name: section.model_dump(mode="json") for name, section in sections.items()}
    for name, changes in (overrides or {}).items():
        if name not in values or not isinstance(changes, Mapping):
            raise SettingsError(
                f"hyperparameters: override {name}: {changes!r}; allowed: a mapping for one of "
                f"{', '.join(values)}"
            )
        replaced = "type" in changes and changes["type"] != values[name].get("type")
        values[name] = dict(changes) if replaced else {**values[name], **changes}
    return parse({**values, "reward_bounds": use_case.reward.bounds}).model_dump(mode="json")


def parse(values: Mapping[str, Any]) -> Hyperparameters:
    """Inverse of `hyperparameters`.

    Raises:
      SettingsError: a key is unknown or missing, or a value is out of range.
    """
    try:
        return Hyperparameters.model_validate(values)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}; "
            f"found {json.dumps(fault['input'], default=str)[:120]}"
            for fault in error.errors()
        ]
        raise SettingsError("\n".join(f"hyperparameters: {fault}" for fault in faults)) from error


def merged(use_case: UseCase, settings: Hyperparameters) -> UseCase:
    """The use case with these hyperparameters in the place of its own."""
    return use_case.model_copy(
        update={
            "agent": settings.agent,
            "propensity_weighting": settings.propensity_weighting,
            "exploration": settings.exploration,
        }
    )


def to_json(values: Mapping[str, Any]) -> str:
    """Content of `FILE_NAME`."""
    return json.dumps(values, indent=2, allow_nan=False) + "\n"
