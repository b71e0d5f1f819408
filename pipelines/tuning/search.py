"""The search itself: hyperparameter sets one after the other, each kept on disk as soon as it is measured.

The first set is the use case's own. The next ones are drawn at random, those after by a tree-structured
Parzen estimator, which prefers values that were frequent among the good sets and rare among the others.

A killed search continues where it stopped: its trials are in a SQLite file, and each draw depends on the seed
and the trials before it alone, so that it ends with the trials that it would have ended with anyway.

See "Algorithms for Hyper-Parameter Optimization" by Bergstra, Bardenet, Bengio and Kegl (2011); the search is
Optuna's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import LocalFiles
from newsletter_bandit.settings.agents import TunedRange

# Sets that are drawn at random before the estimator has enough data; the first of them is the default.
RANDOM_TRIALS = 6
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)


class Score(NamedTuple):
    """Value of one set on the validation rows, in units of reward per newsletter.

    Attributes:
      value: value of the set's eval policy; NaN if the training diverged.
      standard_error: standard error of ``value``.
      gain: paired difference to the use case's own set; 0 for that set.
      gain_standard_error: standard error of ``gain``.
    """

    value: float
    standard_error: float
    gain: float
    gain_standard_error: float


_DIVERGED = Score(math.nan, math.nan, math.nan, math.nan)

# Values by path (none for the use case's own set) -> their score.
Objective = Callable[[Mapping[str, Any]], Score]


@dataclass(frozen=True)
class Trial:
    """One set and its score.

    Attributes:
      number: 0 is the use case's own set.
      values: values by path; none for the use case's own set.
      score: score of the set; None if the training diverged.
      seconds: time to fit and to measure.
      kept: True if an earlier run of the same search measured it.
    """

    number: int
    values: Mapping[str, Any]
    score: Score | None
    seconds: float
    kept: bool


def search(
    ranges: Mapping[str, TunedRange],
    default: Mapping[str, Any],
    objective: Objective,
    trials: int,
    seed: int,
    storage: Path,
    name: str,
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> list[Trial]:
    """Measures sets until there are ``trials`` of them, those of earlier runs included.

    One process at a time searches in a folder; a second one waits.

    Args:
      ranges: ranges of the values to try, by path.
      default: the use case's own value of each path in ``ranges``.
      objective: measures a set.
      trials: number of trials; the use case's own set counts as one.
      seed: seed of the draws; the same seed and objective give the same trials.
      storage: SQLite file of the trials; made if it is missing.
      name: name of the search; trials under another name belong to another search.
      on_trial: called with each trial once it is on disk, kept ones first.

    Returns:
      The trials in the order in which they were made; more than ``trials`` if an earlier run made more.

    Raises:
      DataError: the file holds something else, or the training with the use case's own set diverged.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {path: _distribution(tried) for path, tried in ranges.items()}
    with LocalFiles().locked(str(storage.parent)):
        study = _study(storage, name)
        # Only one process holds the lock, so a trial that seems to run was interrupted, and its set is
        # repeated.
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
        found = [
            _read(number, trial, kept=True) for number, trial in enumerate(study.get_trials(states=_DONE))
        ]
        for trial in found:
            on_trial(trial)
        while len(found) < trials:
            _measure_next(study, space, default, objective, seed, found)
            newest = study.get_trials(states=_DONE)[-1]
            found.append(_read(len(found), newest, kept=False))
            on_trial(found[-1])
    return found


def _study(storage: Path, name: str) -> optuna.Study:
    if storage.exists():
        try:
            with contextlib.closing(sqlite3.connect(storage)) as connection:
                connection.execute("PRAGMA schema_version").fetchall()
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{storage}: not the record of a search: {error}; allowed: a file that `newsletter-bandit "
                "tune` wrote, or none"
            ) from error
    return optuna.create_study(
        storage=f"sqlite:///{storage}", study_name=name, direction="maximize", load_if_exists=True
    )


def _measure_next(
    study: optuna.Study,
    space: Mapping[str, BaseDistribution],
    default: Mapping[str, Any],
    objective: Objective,
    seed: int,
    before: Sequence[Trial],
) -> None:
    if not before:
        score, seconds = _timed(objective, {})
        if not math.isfinite(score.value):
            raise DataError(
                "the training with the settings' own hyperparameters diverged, so there is nothing to "
                "compare with; use settings that train, such as a smaller agent.learning_rate"
            )
        # A value of the settings may lie outside the searched range; the estimator then does without it.
        inside = {path: _encoded(default[path], space[path]) for path in space}
        inside = {path: value for path, value in inside.items() if _contains(space[path], value)}
        study.add_trial(
            optuna.trial.create_trial(
                value=score.value,
                params=inside,
                distributions={path: space[path] for path in inside},
                user_attrs=_attributes({}, score, seconds),
            )
        )
        return
    # Each trial has its own sampler: a shared one would draw differently after an interruption.
    digest = hashlib.sha256(f"{seed}/{len(before)}".encode()).digest()
    study.sampler = optuna.samplers.TPESampler(
        seed=int.from_bytes(digest[:4], "big"),
        n_startup_trials=RANDOM_TRIALS,
    )
    trial = study.ask(dict(space))
    values = {path: _decoded(trial.params[path], space[path]) for path in space}
    own = json.loads(json.dumps({path: default[path] for path in space}))
    again = next((earlier for earlier in before if (earlier.values or own) == values), None)
    if again is not None:
        score, seconds = again.score or _DIVERGED, 0.0
    else:
        score, seconds = _timed(objective, values)
    for key, attribute in _attributes(values, score, seconds).items():
        trial.set_user_attr(key, attribute)
    if math.isfinite(score.value):
        study.tell(trial, score.value)
    else:
        study.tell(trial, state=TrialState.PRUNED)


def _timed(objective: Objective, values: Mapping[str, Any]) -> tuple[Score, float]:
    started = time.monotonic()
    score = objective(values)
    return score, time.monotonic() - started


def _attributes(values: Mapping[str, Any], score: Score, seconds: float) -> dict[str, Any]:
    measured = list(score) if math.isfinite(score.value) else None
    return {"values": dict(values), "score": measured, "seconds": seconds}


def _read(number: int, trial: FrozenTrial, kept: bool) -> Trial:
    attributes = trial.user_attrs
    score = None if attributes["score"] is None else Score(*attributes["score"])
    return Trial(number, attributes["values"], score, attributes["seconds"], kept)


def _distribution(tried: TunedRange) -> BaseDistribution:
    if tried.choices is not None:
        # As text: a choice may be a list, which the storage does not take.
        return CategoricalDistribution([json.dumps(choice) for choice in tried.choices])
    if isinstance(tried.low, int) and isinstance(tried.high, int):
        return IntDistribution(tried.low, tried.high, log=tried.log)
    return FloatDistribution(tried.low, tried.high, log=tried.log)


def _encoded(value: Any, distribution: BaseDistribution) -> Any:
    return json.dumps(value) if isinstance(distribution, CategoricalDistribution) else value


def _decoded(value: Any, distribution: BaseDistribution) -> Any:
    return json.loads(value) if isinstance(distribution, CategoricalDistribution) else value


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return bool(distribution.low <= value <= distribution.high)
