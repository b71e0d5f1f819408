"""Which hyperparameters can be searched, and the ranges of the settings held against their own bounds.

A hyperparameter is named by its path in the use case, such as `agent.learning_rate`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipelines.agent_settings import Linear, Settings, TunedRange
from pipelines.errors import SettingsError
from pipelines.settings import UseCase

AGENT, WEIGHTING, EXPLORATION = "agent", "propensity_weighting", "exploration"
EXAMPLE = "agent.learning_rate: {low: 0.0005, high: 0.02, log: true}"
# They change how the serving policy explores, or how a sum is cut into batches: every estimate stays the same.
_WITHOUT_EFFECT = {"alpha", "temperature", "samples"}
_WITHOUT_EFFECT_IF_LINEAR = {"batch_size"}
# Another type is another agent with other keys; the luckiest seed is no better than the next.
_NEVER = {"type", "seed"}


def tunable(use_case: UseCase) -> dict[str, Any]:
    """The use case's own value of each hyperparameter that can be searched, by path."""
    agent = use_case.agent
    left_out = _NEVER | _WITHOUT_EFFECT
    if isinstance(agent, Linear):
        left_out = left_out | _WITHOUT_EFFECT_IF_LINEAR
    return {
        **{f"{AGENT}.{key}": getattr(agent, key) for key in type(agent).model_fields if key not in left_out},
        **{
            f"{WEIGHTING}.{key}": getattr(use_case.propensity_weighting, key)
            for key in type(use_case.propensity_weighting).model_fields
        },
    }


def sections(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"agent.epochs": 3}` as `{"agent": {"epochs": 3}}`, the overrides that HyperparametersGen takes."""
    found: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        section, _, key = path.partition(".")
        found.setdefault(section, {})[key] = value
    return found


def described(values: Mapping[str, Any]) -> str:
    """A set in a phrase: `agent.learning_rate 0.0012, agent.epochs 3`."""
    if not values:
        return "the settings' own"
    return ", ".join(f"{path} {shown(value)}" for path, value in values.items())


def shown(value: Any) -> str:
    """A value for people: four digits of a fraction, everything else as JSON."""
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)


def fault(use_case: UseCase, path: str, value: Any) -> str | None:
    """What is wrong with one hyperparameter's value for this use case; None where nothing is."""
    if path not in tunable(use_case):
        return f"{_why_not(use_case, path)}; allowed: {', '.join(tunable(use_case))}"
    section, _, key = path.partition(".")
    settings: Settings = getattr(use_case, section)
    try:
        type(settings).model_validate({**settings.model_dump(), key: value})
    except ValidationError as error:
        words = error.errors()[0]["msg"].removeprefix("Value error, ")
        return f"{words}; found {json.dumps(value, default=str)[:120]}"
    return None


def check_ranges(use_case: UseCase, source: str) -> None:
    """Makes sure that every value of `tuning.ranges` can be tried.

    Args:
      use_case: whose ranges.
      source: the settings' file, for the messages.

    Raises:
      SettingsError: there is no range, or a path, bound or choice that means nothing; one line a fault.
    """
    ranges = use_case.tuning.ranges
    if not ranges:
        raise SettingsError(
            f"{source}: tuning.ranges: none given, so there is nothing to search; allowed: one or more of "
            f"{', '.join(tunable(use_case))}, such as `{EXAMPLE}`"
        )
    faults = [
        f"{path}: {words}" for path, tried in ranges.items() for words in _range_faults(use_case, path, tried)
    ]
    weighting = use_case.propensity_weighting
    clip, switch = f"{WEIGHTING}.clip", f"{WEIGHTING}.enabled"
    if clip in ranges and not weighting.enabled and switch not in ranges:
        faults.append(
            f"{clip}: has no effect while {switch} is false; allowed: with {switch} true or searched"
        )
    if faults:
        raise SettingsError("\n".join(f"{source}: tuning.ranges.{words}" for words in faults))


def _range_faults(use_case: UseCase, path: str, tried: TunedRange) -> list[str]:
    if path not in tunable(use_case):
        words = fault(use_case, path, None)
        return [words] if words else []
    if tried.choices is not None:
        found = [(f"choice {i + 1}", fault(use_case, path, v)) for i, v in enumerate(tried.choices)]
    else:
        kind = _kind(use_case, path)
        if kind not in (int, float):
            return ["low and high are for numbers; allowed: choices"]
        if kind is int and not (isinstance(tried.low, int) and isinstance(tried.high, int)):
            return [f"found low {tried.low}, high {tried.high}; allowed: whole numbers"]
        found = [("low", fault(use_case, path, tried.low)), ("high", fault(use_case, path, tried.high))]
    return [f"{where}: {words}" for where, words in found if words]


def _kind(use_case: UseCase, path: str) -> Any:
    section, _, key = path.partition(".")
    return type(getattr(use_case, section)).model_fields[key].annotation


def _why_not(use_case: UseCase, path: str) -> str:
    section, _, key = path.partition(".")
    settings = getattr(use_case, section, None) if section in (AGENT, WEIGHTING, EXPLORATION) else None
    if settings is None or key not in type(settings).model_fields:
        return "no such hyperparameter"
    if key == "type":
        return f"the agent is {use_case.agent.type}, and another has other hyperparameters"
    if key == "seed":
        return "the luckiest seed is no better than the next"
    return "changes no reward estimate, and those are what the sets are compared by"
