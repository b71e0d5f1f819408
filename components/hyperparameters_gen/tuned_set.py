"""The file in which training looks up a tuned set, and which hyperparameters such a set may hold.

A hyperparameter is named by its path in the use case, such as `agent.learning_rate`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from components.hyperparameters_gen.hyperparameters import AGENT, SECTIONS, WEIGHTING
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.files import files_of, read_bytes, write_bytes
from newsletter_bandit.settings.agents import Linear
from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.faults import faults, refusal
from newsletter_bandit.settings.use_case import UseCase

# They change how the serving policy explores, or how a sum is cut into batches: every estimate stays the
# same.
_WITHOUT_EFFECT = {"alpha", "temperature", "samples"}
_WITHOUT_EFFECT_IF_LINEAR = {"batch_size"}
# Another type is another agent with other keys; the luckiest seed is not better than any other.
_NEVER = {"type", "seed"}

_MEND = "tune again with `newsletter-bandit tune`, or delete the file to train with the use case's own values"


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


def described(values: Mapping[str, Any]) -> str:
    """A set in a phrase: `agent.learning_rate 0.0012, agent.epochs 3`."""
    if not values:
        return "the settings' own"
    return ", ".join(f"{path} {shown(value)}" for path, value in values.items())


def shown(value: Any) -> str:
    """A value for people: four digits of a fraction, everything else as JSON."""
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)


def fault(use_case: UseCase, path: str, value: Any) -> str | None:
    """The fault of one hyperparameter's value for this use case; None if there is none."""
    if path not in tunable(use_case):
        return f"{_why_not(use_case, path)}; allowed: {', '.join(tunable(use_case))}"
    section, _, key = path.partition(".")
    settings: Settings = getattr(use_case, section)
    try:
        type(settings).model_validate({**settings.model_dump(), key: value})
    except ValidationError as error:
        return faults(error, type(settings))[0].words
    return None


def _why_not(use_case: UseCase, path: str) -> str:
    section, _, key = path.partition(".")
    settings = getattr(use_case, section, None) if section in SECTIONS else None
    if settings is None or key not in type(settings).model_fields:
        return "no such hyperparameter"
    if key == "type":
        return f"the agent is {use_case.agent.type}, and another has other hyperparameters"
    if key == "seed":
        return "the luckiest seed is no better than the next"
    return "changes no reward estimate, and those are what the sets are compared by"


class Found(BaseModel):
    """Record of how a set was found; values in units of reward per newsletter.

    Attributes:
      value: doubly robust value of the set's eval policy on the validation rows.
      standard_error: standard error of ``value``.
      gain: paired gain over the use case's own set; ``gain_low`` and ``gain_high`` are its bounds (see
        `winner`), null if unbounded.
      is_better: True if ``gain_low`` is above 0.
      best: values of the winning trial by path, whether they are to be used or not; None in an older file,
        whose set is the winner's.
      trial: number of the winning trial; 0 is the use case's own set.
      trials: number of sets that were compared.
      rows: number of rows that they were compared on.
      window: first day and day after the last of the rows.
      settings: `settings_hash` at that time.
      finished_at: UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    standard_error: float
    gain: float
    gain_low: float | None
    gain_high: float | None
    confidence: float
    is_better: bool
    best: dict[str, Any] | None = None
    trial: int
    trials: int
    rows: int
    window: tuple[dt.date, dt.date]
    settings: str
    finished_at: dt.datetime


class TunedSet(BaseModel):
    """A set of hyperparameters for one use case and agent; content of the file.

    Attributes:
      use_case: name of the use case.
      agent: type of the agent.
      values: values to use, by path; everything else is as in the use case. None at all keeps its own.
      found: record of how the set was found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    use_case: str
    agent: str
    values: dict[str, Any]
    found: Found

    def write(self, path: str) -> None:
        """Makes or replaces the file, whole or not at all."""
        write_bytes(path, (self.model_dump_json(indent=2) + "\n").encode())


def read(path: str, use_case: UseCase) -> TunedSet | None:
    """The tuned set of the use case, or None if there is no such file.

    Raises:
      SettingsError: the file is not a tuned set, or does not fit the use case any more: it was found for
        another one or another agent, or a key or value is not allowed; one line per fault.
    """
    if not files_of(path).exists(path):
        return None
    try:
        tuned = TunedSet.model_validate(json.loads(read_bytes(path)))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise refusal(path, error, TunedSet, _MEND) from error
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON: {error}; {_MEND}") from error
    unfit = []
    if tuned.use_case != use_case.name:
        unfit.append(f"use_case: found {tuned.use_case}; allowed: {use_case.name}")
    elif tuned.agent != use_case.agent.type:
        unfit.append(f"agent: tuned for {tuned.agent}, but the use case's agent is {use_case.agent.type}")
    else:
        found = {name: fault(use_case, name, value) for name, value in tuned.values.items()}
        unfit += [f"values.{name}: {words}" for name, words in found.items() if words]
    if unfit:
        raise SettingsError("\n".join(f"{path}: {words}; {_MEND}" for words in unfit))
    return tuned
