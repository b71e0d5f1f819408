"""Checks the ranges of the settings against the hyperparameters' own bounds."""

from __future__ import annotations

from typing import Any

from components.hyperparameters_gen.hyperparameters import WEIGHTING
from components.hyperparameters_gen.tuned_set import fault, tunable
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.agents import TunedRange
from newsletter_bandit.settings.use_case import UseCase

EXAMPLE = "agent.learning_rate: {low: 0.0005, high: 0.02, log: true}"


def check_ranges(use_case: UseCase, source: str) -> None:
    """Makes sure that every value of `tuning.ranges` can be tried.

    Args:
      use_case: use case with the ranges.
      source: the settings' file, for the messages.

    Raises:
      SettingsError: there is no range, or a path, bound or choice that means nothing; one line per fault.
    """
    ranges = use_case.tuning.ranges
    if not ranges:
        raise SettingsError(
            f"{source}: tuning.ranges: none given, so there is nothing to search; add one or more of "
            f"{', '.join(tunable(use_case))}, such as `{EXAMPLE}`"
        )
    faults = [
        f"{path}: {words}" for path, tried in ranges.items() for words in _range_faults(use_case, path, tried)
    ]
    weighting = use_case.propensity_weighting
    clip, switch = f"{WEIGHTING}.clip", f"{WEIGHTING}.enabled"
    if clip in ranges and not weighting.enabled and switch not in ranges:
        faults.append(
            f"{clip}: has no effect while {switch} is false; set {switch} to true, or search it too"
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
            return ["low and high are for numbers; use choices"]
        if kind is int and not (isinstance(tried.low, int) and isinstance(tried.high, int)):
            return [f"found low {tried.low}, high {tried.high}; allowed: whole numbers"]
        found = [("low", fault(use_case, path, tried.low)), ("high", fault(use_case, path, tried.high))]
    return [f"{where}: {words}" for where, words in found if words]


def _kind(use_case: UseCase, path: str) -> Any:
    section, _, key = path.partition(".")
    return type(getattr(use_case, section)).model_fields[key].annotation
