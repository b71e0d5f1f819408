"""What a search found: the winner, how sure its gain is, and the file in which HyperparametersGen looks it up."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from components.evaluator.estimators import Estimate, Interval
from components.evaluator.estimators.base import normal_interval
from components.registry.files import files_of, read_bytes, write_bytes
from components.tuner.space import fault, sections
from pipelines.errors import DataError, SettingsError
from pipelines.settings import UseCase

if TYPE_CHECKING:
    from components.tuner.search import Score, Trial

# What the worth of a set depends on, besides the rows.
_SEARCHED_WITH: dict[str, Any] = {
    **dict.fromkeys(
        ("recommenders", "features", "reward", "agent", "propensity_weighting", "recommender_features"), True
    ),
    "tuning": {"ranges", "validation_share", "seed"},
    "gate": {"weight_clip"},
}


def settings_hash(use_case: UseCase) -> str:
    """Twelve hexadecimal digits that change with any setting that a search depends on."""
    text = use_case.model_dump_json(include=_SEARCHED_WITH)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Winner:
    """The best trial.

    Attributes:
      trial: of the largest value; the earliest of several.
      score: its own.
      gain: interval of its gain over the use case's own set.
      confidence: with which all trials' intervals hold at once.
    """

    trial: Trial
    score: Score
    gain: Interval
    confidence: float

    @property
    def is_better(self) -> bool:
        """The rows can tell it from the use case's own set."""
        return self.gain.low > 0.0


def winner(trials: Sequence[Trial], rows: int, confidence: float) -> Winner:
    """The trial of the largest value, with an interval that allows for having picked it.

    The best of m sets looks better than it is. Its interval is therefore the two-sided normal one at
    1 - (1 - confidence) / m (Bonferroni), m being the number of sets besides the use case's own.

    Args:
      trials: as `search.search` returns them.
      rows: they were compared on.
      confidence: of the interval, in (0, 1).

    Raises:
      DataError: no trial has a value.
    """
    measured = [(trial, trial.score) for trial in trials if trial.score is not None]
    if not measured:
        raise DataError("tuning: the training diverged with every set")
    trial, score = max(measured, key=lambda pair: pair[1].value)
    compared = max(len(trials) - 1, 1)
    gain = Estimate(score.gain, score.gain_standard_error, rows)
    return Winner(trial, score, normal_interval(gain, 1.0 - (1.0 - confidence) / compared), confidence)


class Found(BaseModel):
    """How a set was found; values in units of reward a newsletter.

    Attributes:
      value: doubly robust, of the set's eval policy on the validation rows.
      standard_error: of ``value``.
      gain: over the use case's own set, paired; ``gain_low`` and ``gain_high`` as `winner` says; null where unbounded.
      is_better: ``gain_low`` is above 0.
      trial: number of the winning one; 0 is the use case's own set.
      trials: sets that were compared.
      rows: they were compared on.
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
    trial: int
    trials: int
    rows: int
    window: tuple[dt.date, dt.date]
    settings: str
    finished_at: dt.datetime


class TunedSet(BaseModel):
    """A set of hyperparameters for one use case and agent; content of the file.

    Attributes:
      use_case: name.
      agent: type.
      values: by path; whatever is not named is as in the use case.
      found: how.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    use_case: str
    agent: str
    values: dict[str, Any]
    found: Found

    @property
    def overrides(self) -> dict[str, dict[str, Any]]:
        """The values by section, as HyperparametersGen takes them."""
        return sections(self.values)

    def write(self, path: str) -> None:
        """Makes or replaces the file, whole or not at all."""
        write_bytes(path, (self.model_dump_json(indent=2) + "\n").encode())


def tuned_set(
    use_case: UseCase, winner: Winner, trials: int, rows: int, window: tuple[dt.date, dt.date]
) -> TunedSet:
    """The winner as HyperparametersGen is to emit it; see `Found` for the arguments."""
    score, gain = winner.score, winner.gain
    return TunedSet(
        use_case=use_case.name,
        agent=use_case.agent.type,
        values=dict(winner.trial.values),
        found=Found(
            value=score.value,
            standard_error=score.standard_error,
            gain=score.gain,
            gain_low=gain.low if math.isfinite(gain.low) else None,
            gain_high=gain.high if math.isfinite(gain.high) else None,
            confidence=winner.confidence,
            is_better=winner.is_better,
            trial=winner.trial.number,
            trials=trials,
            rows=rows,
            window=window,
            settings=settings_hash(use_case),
            finished_at=dt.datetime.now(dt.UTC),
        ),
    )


def read(path: str, use_case: UseCase) -> TunedSet | None:
    """The tuned set of the use case, or None where there is no such file.

    Raises:
      SettingsError: the file is not a tuned set, or does not fit the use case any more: it was found for another
        one or another agent, or a key or value is not allowed; one line a fault.
    """
    if not files_of(path).exists(path):
        return None
    try:
        tuned = TunedSet.model_validate(json.loads(read_bytes(path)))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "(file)"
        raise SettingsError(f"{path}: {where}: {first['msg']}; {_MEND}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON: {error}; {_MEND}") from error
    faults = []
    if tuned.use_case != use_case.name:
        faults.append(f"use_case: found {tuned.use_case}; allowed: {use_case.name}")
    elif tuned.agent != use_case.agent.type:
        faults.append(f"agent: tuned for {tuned.agent}, but the use case's agent is {use_case.agent.type}")
    else:
        found = {name: fault(use_case, name, value) for name, value in tuned.values.items()}
        faults += [f"values.{name}: {words}" for name, words in found.items() if words]
    if faults:
        raise SettingsError("\n".join(f"{path}: {words}; {_MEND}" for words in faults))
    return tuned


_MEND = "tune anew with `newsletter-bandit tune`, or delete the file to train with the use case's own values"
